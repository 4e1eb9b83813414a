#!/bin/sh
# run.sh [speed | packets | copying | pace | control | engines | api | jobs | watch | readme] [OPTION…]: run the benchmarks.
#
# Installs what is missing, other tools too, builds Release, runs the benchmarks (all of them without
# an argument) and leaves in out/ their JSON, tables and charts, renewed after each round. "readme"
# runs all and puts the tables and charts into tests/bench/README.md, that of the engines into
# agent/README.md. Needs root, for the namespaces; the machine should have nothing else to do. speed
# takes 8 minutes at most, packets and control 3, pace 6 to 15. All know --rounds N; speed also --only
# PATTERN and others, see `bench_speed.py --help`.
set -eu
cd "$(dirname "$0")/../.."

# Each is bench_NAME.py, which takes what run() gives it; its place in a page is <!-- NAME -->.
benches="speed packets copying pace control engines api jobs watch"
programs="pagecastd ways uring gaps disturb pagecastd_copying report_cost bare_api"

run() {
    name=$1
    shift
    python3 -B "tests/bench/bench_$name.py" build/bin --json "out/$name.json" \
        --table "out/$name.md" --svg "out/$name.svg" "$@"
}

which=${1:-all}
[ $# -eq 0 ] || shift
case " all readme $benches " in
*" $which "*) ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
sh agent/install-deps.sh build test bench
generator=
[ -f build/CMakeCache.txt ] || ! command -v ninja >/dev/null 2>&1 || generator="-G Ninja"
mkdir -p out
# shellcheck disable=SC2086 # two words on purpose, and a list
{
    cmake $generator -S . -B build -DCMAKE_BUILD_TYPE=Release &&
        cmake --build build --parallel "$(nproc)" --target $programs
} >out/build.log 2>&1 || {
    tail -n 40 out/build.log
    exit 1
}
case $which in
all | readme) for name in $benches; do run "$name" "$@"; done ;;
*) run "$which" "$@" ;;
esac
if [ "$which" = readme ]; then
    for name in $benches; do
        page=tests/bench/README.md
        [ "$name" != engines ] || page=agent/README.md
        python3 -B tests/bench/readme.py "$page" "$name=out/$name.md"
        [ ! -f "out/$name.svg" ] || cp "out/$name.svg" "tests/bench/$name.svg"
    done
fi
