#!/bin/sh
# install-deps.sh GROUP…: the one place that names the Debian packages, and the way to have them.
#
#   build     what pagecastd and pagecast are built from
#   test      what the suite runs with besides
#   optional  tests that skip without it: formatting, clients from npm
#   bench     the peers that the benchmarks measure beside us
#
# Asks apt only for what is missing; needs root or a sudo that asks no password. Where neither is
# at hand it prints the command to run and fails, except for `optional`, which is never a failure.
# `--list GROUP…` prints the names and does nothing.
set -eu

packages() {
    case $1 in
    build) echo "gcc libc6-dev make cmake ninja-build pkgconf protobuf-compiler \
        protobuf-c-compiler libprotobuf-dev libprotobuf-c-dev libmicrohttpd-dev \
        libjson-c-dev libcurl4-gnutls-dev libgnutls28-dev zlib1g-dev libsqlite3-dev \
        libmnl-dev nettle-dev" ;;
    test) echo "python3 iproute2 curl procps openssl ethtool" ;;
    optional)
        echo "clang-format shellcheck jq tshark"
        # its package starts a server; not where there is a systemd to do so
        [ -d /run/systemd/system ] || echo prometheus
        # a Node.js that is there already, from wherever, is left alone
        command -v node >/dev/null 2>&1 || echo nodejs
        command -v npm >/dev/null 2>&1 || echo npm
        ;;
    bench) echo "netsniff-ng tcpreplay iperf3" ;;
    *) echo "install-deps.sh: no group \"$1\"; there are build, test, optional, bench" >&2
        return 2 ;;
    esac
}

# missing NAME…: those that dpkg does not hold as installed
missing() {
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || echo "$package"
    done
}

# install GROUP NAME…
install() {
    group=$1
    shift
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "install-deps.sh: missing for $group; as root: apt-get install $*" >&2
        return 1
    fi
    echo "installing for $group: $*"
    # a mirror that does not answer spoils the update, not what the others can give
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
        update >"$log" 2>&1 || :
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 25 "$log" >&2
        echo "install-deps.sh: apt could not install: $*" >&2
        return 1
    fi
}

if [ "${1:-}" = --list ]; then
    shift
    for group in "$@"; do
        packages "$group"
    done | tr -s '[:blank:]' '\n'
    exit 0
fi
[ $# -gt 0 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "install-deps.sh: no dpkg here; needed, by their Debian names:" >&2
    for group in "$@"; do
        packages "$group" >&2
    done
    exit 0
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for group in "$@"; do
    names=$(packages "$group")
    # shellcheck disable=SC2046,SC2086 # names of packages hold no blanks
    set -- $(missing $names)
    [ $# -gt 0 ] || continue
    install "$group" "$@" || [ "$group" = optional ] || exit 1
done
