#!/bin/sh
# run.sh [speed | pace | readme] [OPTION…]: the figures of README.md, made on this machine.
#
# Installs what is missing, the peers too, builds Release, runs the benchmarks (both without an
# argument) and leaves in out/ their JSON, tables and charts; "readme" then puts the tables into
# README.md. Needs root, for the namespaces. Takes about 10 minutes; the machine should have nothing
# else to do. Options go to the one that is named: --rounds N, --scale X (see --help there).
set -eu
cd "$(dirname "$0")/../.."
which=${1:-both}
[ $# -eq 0 ] || shift
case $which in
both | speed | pace | readme) ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
sh agent/install-deps.sh build test bench
generator=
[ -f build/CMakeCache.txt ] || ! command -v ninja >/dev/null 2>&1 || generator="-G Ninja"
mkdir -p out
# shellcheck disable=SC2086 # two words on purpose
{
    cmake $generator -S . -B build -DCMAKE_BUILD_TYPE=Release &&
        cmake --build build --parallel "$(nproc)" --target pagecastd ways gaps
} >out/build.log 2>&1 || {
    tail -n 40 out/build.log
    exit 1
}
if [ "$which" != pace ]; then
    python3 -B tests/bench/bench_speed.py build/bin --peers --json out/speed.json \
        --table out/speed.md --svg out/speed.svg "$@"
fi
if [ "$which" != speed ]; then
    python3 -B tests/bench/bench_pace.py build/bin --json out/pace.json \
        --table out/pace.md --svg out/pace.svg "$@"
fi
if [ "$which" = readme ]; then
    python3 -B tests/bench/readme.py README.md speed=out/speed.md pace=out/pace.md
fi
