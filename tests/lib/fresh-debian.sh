#!/bin/sh
# fresh-debian.sh [COMMAND…]: do the README's commands work on a Debian 12 with nothing installed?
#
# Makes a minbase Debian in a folder under TMPDIR, clones the last commit into it, and runs there, one
# after the other, what is given (agent/quickstart.sh and tests/run.sh without arguments). Needs
# root, debootstrap, git and a Debian mirror (MIRROR, http://deb.debian.org/debian). Not part of the
# suite: it takes as long as the commands do on an empty machine. KEEP=1 leaves the folder.
set -eu
tree=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" = 0 ] || { echo "fresh-debian.sh: needs root" >&2; exit 1; }
[ $# -gt 0 ] || set -- agent/quickstart.sh tests/run.sh

root=$(mktemp -d "${TMPDIR:-/tmp}/fresh-debian.XXXXXX")
chmod 755 "$root"
# shellcheck disable=SC2317 # the trap reaches it
clean_up() {
    if [ "${KEEP:-0}" = 0 ]; then
        rm -rf --one-file-system "$root"
    else
        echo "kept: $root"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

echo "== debootstrap"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    exit 1
}
mv "$root.log" "$root/var/log/debootstrap.log"
# Reach the same mirrors in the same way as this machine does.
for file in /etc/resolv.conf /etc/hosts; do
    cp "$file" "$root$file"
done
cp -r /etc/apt/apt.conf.d "$root/etc/apt/"
cat >"$root/etc/apt/sources.list" <<LIST
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb ${mirror%/debian}/debian-security bookworm-security main
LIST
if command -v npm >/dev/null 2>&1; then
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || :
fi
git clone -q --no-hardlinks "$tree" "$root/srv/pagecast"

status=0
for command in "$@"; do
    echo "== sh $command"
    begun=$(date +%s)
    # A mount namespace of its own: nothing stays mounted, whatever ends this.
    # shellcheck disable=SC2016 # the inner shell's variables
    ROOT=$root COMMAND=$command unshare --mount --propagation private sh -c '
        mount --bind "$ROOT" "$ROOT" && # ip-netns wants / to be a mount point
            mount -t proc proc "$ROOT/proc" &&
            mount --rbind /sys "$ROOT/sys" &&
            mount --rbind /dev "$ROOT/dev" &&
            mount -t tmpfs tmpfs "$ROOT/run" &&
            exec chroot "$ROOT" env -i ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} \
                HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C \
                sh "/srv/pagecast/$COMMAND"' </dev/null || {
        status=$?
        echo "fresh-debian.sh: sh $command exited $status" >&2
    }
    echo "== $(($(date +%s) - begun)) s"
done
exit $status
