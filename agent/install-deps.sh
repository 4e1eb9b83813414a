#!/bin/sh
# install-deps.sh GROUP…: install the Debian packages of a group, which are listed here alone.
#
#   build     to build pagecastd and pagecast
#   test      to run the tests
#   optional  for tests that are skipped without it: formatting, clients from npm
#   bench     other traffic generators, for the benchmarks
#
# Installs only missing packages. Needs root, or sudo without a password; without either it prints
# the command to run and fails, except for `optional`, which never fails.
# `--list GROUP…` prints the names and installs nothing.
set -eu

packages() {
    case $1 in
    build) echo "gcc libc6-dev make cmake ninja-build pkgconf protobuf-compiler \
        protobuf-c-compiler libprotobuf-dev libprotobuf-c-dev libmicrohttpd-dev \
        libjson-c-dev libcurl4-gnutls-dev libgnutls28-dev zlib1g-dev libsqlite3-dev \
        libmnl-dev liburing-dev nettle-dev" ;;
    test) echo "python3 iproute2 nftables curl procps openssl ethtool git util-linux" ;;
    optional)
        echo "clang-format shellcheck jq tshark"
        # the package starts a server where systemd runs: leave it out there
        [ -d /run/systemd/system ] || echo prometheus
        # keep a Node.js that is already installed, from whatever source
        command -v node >/dev/null 2>&1 || echo nodejs
        command -v npm >/dev/null 2>&1 || echo npm
        ;;
    bench) echo "netsniff-ng tcpreplay iperf3" ;;
    *) echo "install-deps.sh: unknown group \"$1\"; the groups are build, test, optional, bench" >&2
        return 2 ;;
    esac
}

# missing NAME…: prints the packages that are not installed
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
        echo "install-deps.sh: packages are missing for $group; run as root: apt-get install $*" >&2
        return 1
    fi
    echo "installing packages for $group: $*"
    # an unreachable mirror fails the update; the packages may still come from the others
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
        update >"$log" 2>&1 || :
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 25 "$log" >&2
        echo "install-deps.sh: apt-get failed to install: $*" >&2
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
    echo "install-deps.sh: dpkg not found: install these packages, listed by their Debian names:" >&2
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
