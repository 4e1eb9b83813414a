#!/bin/sh
# install.sh FOLDER: the packages of package-lock.json, into FOLDER/node_modules; and a Node 18 beside
# another one, into FOLDER/node18 (node18.sh).
#
# The lock names no registry: they come from the one that npm is set up for. Nothing is done where
# they are there already; exit 77 where they can't be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for tool in npm node; do
    command -v $tool >/dev/null 2>&1 || {
        echo "skipped: there is no $tool"
        exit 77
    }
done
mkdir -p "$1"
cd "$1"
sh "$here/node18.sh" node18 || : # the tests say why it is not there
# The lock is put there last, so that what was interrupted is done again.
cmp -s "$here/package-lock.json" installed.json && exit 0
cp "$here/package.json" "$here/package-lock.json" .
if ! npm ci --ignore-scripts --no-audit --no-fund --cache "$PWD/cache" >npm.log 2>&1; then
    tail -n 5 npm.log
    rm -rf node_modules cache
    echo "skipped: npm could not install tests/interop/package.json"
    exit 77
fi
rm -rf cache
cp package-lock.json installed.json
