#!/bin/sh
# Fuzzes each parser for so many seconds with libFuzzer, ASan and UBSan:
#   sh tests/fuzz/run.sh SECONDS [TARGET…]
# Needs clang. Builds in $PAGECAST_FUZZ_BUILD (default: build-fuzz in the source folder); what was found stays there
# as findings/TARGET-crash-…; exit 1 if anything was. The seed corpus is read, never written.
set -eu
[ $# -ge 1 ] || { echo "usage: sh tests/fuzz/run.sh SECONDS [TARGET…]" >&2; exit 2; }
seconds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
build=${PAGECAST_FUZZ_BUILD:-$here/../../build-fuzz}
command -v clang >/dev/null || { echo "needs clang: apt-get install clang" >&2; exit 2; }
if [ $# -eq 0 ]; then
	for source in "$here"/fuzz_*.c; do
		name=$(basename "$source" .c)
		set -- "$@" "${name#fuzz_}"
	done
fi

cmake -G Ninja -S "$here/../.." -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang \
	-DPAGECAST_FUZZ=ON >/dev/null
ninja -C "$build" fuzzers >/dev/null || { ninja -C "$build" fuzzers | tail -30 >&2; exit 1; }
mkdir -p "$build/findings"

found=0
for target; do
	mkdir -p "$build/grown/$target"
	log=$build/findings/$target.log
	if "$build/bin/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix="$build/findings/$target-" \
		"$build/grown/$target" "$here/corpus/$target" >"$log" 2>&1
	then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		cover=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
		echo "$target: $runs runs in $seconds s, $cover edges, nothing found"
	else
		found=1
		echo "$target: FOUND SOMETHING, see $log"
		grep -E 'ERROR|SUMMARY|runtime error|fuzz_.*\.c:|Test unit written' "$log" | head -10
	fi
done
exit $found
