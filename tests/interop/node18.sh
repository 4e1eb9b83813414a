#!/bin/sh
# node18.sh FOLDER: Debian 12's own Node.js, 18, as FOLDER/node: unpacked, not installed; no root needed.
#
# Nothing is done where the node on PATH is an 18, or FOLDER/node is there already. Exit 77 with a
# reason, also kept in FOLDER/why, where it can't be had. Bounded: each step ends by itself.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "$1" >why
    echo "skipped: Node 18: $1"
    exit 77
}

case $(node --version 2>/dev/null || :) in v18.*) exit 0 ;; esac
mkdir -p "$1"
cd "$1"
folder=$(pwd)
[ ! -x node ] || exit 0
for tool in apt-cache apt-get dpkg dpkg-query cc timeout; do
    command -v $tool >/dev/null 2>&1 || skip "there is no $tool"
done
version=$(apt-cache madison nodejs 2>/dev/null | awk '$3 ~ /^18\./ { print $3; exit }')
[ "$version" ] || skip "apt knows of no package nodejs 18"

# What it reads at every start, and the libraries that this machine has not got.
set -- "nodejs=$version" "libnode108=$version" node-acorn node-cjs-module-lexer node-undici
for library in libbrotli1 libc-ares2 libicu72 libnghttp2-14 libssl3 libuv1; do
    status=$(dpkg-query -W -f '${db:Status-Status}' $library 2>/dev/null) || status=
    [ "$status" = installed ] || set -- "$@" $library
done
rm -rf root
mkdir root
timeout 120 apt-get -q download "$@" >apt.log 2>&1 || skip "apt could not download $*: $(tail -n 1 apt.log)"
for package in ./*.deb; do
    timeout 60 dpkg -x "$package" root || skip "$package does not unpack"
done
rm -f ./*.deb
cc -shared -fPIC -O1 -D_GNU_SOURCE -o debian_node.so "$here/debian_node.c" -ldl || skip "its helper does not compile"

libraries=$(dirname "$(find root/usr/lib -name 'libnode.so.108' | head -n 1)")
cat >new <<RUN
#!/bin/sh
LD_LIBRARY_PATH="$folder/$libraries" LD_PRELOAD="$folder/debian_node.so" \\
    PAGECAST_NODE_ROOT="$folder/root" exec "$folder/root/usr/bin/node" "\$@"
RUN
chmod +x new
told=$(timeout 60 ./new -p process.version 2>&1) || skip "it does not run here: $(printf '%s\n' "$told" | head -n 1)"
case $told in v18.*) ;; *) skip "it says it is $told" ;; esac
rm -f why
mv new node # last, so that what was interrupted is done again
