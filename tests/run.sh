#!/bin/sh
# run.sh [--quick | --long]: build and run the whole test suite, also on a freshly installed machine.
#
# Installs missing packages (agent/install-deps.sh), then builds and tests three times: Release with
# all tests, and as root the unit, api and client tests once more in a clone, as uid 65534; with
# AddressSanitizer and UndefinedBehaviorSanitizer; with ThreadSanitizer. The first build whose tests
# fail ends the run: the last lines of the output are always those of the ctest that decided, and the
# exit status is that of ctest.
#
#   --quick  only the Release build
#   --long   also tests that exceed 20 minutes (label "long"), and the benchmarks
#
# The build folders are build, build-asan and build-tsan in the source tree. Works from any directory,
# as root or as a normal user: tests that need root or a missing program are skipped with the reason.
set -eu
cd "$(dirname "$0")/.."

mode=full
case ${1:-} in
'') ;;
--quick | --long) mode=${1#--} ;;
*)
    sed -n '2,15s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
cores=$(nproc 2>/dev/null || echo 2)

# Long tests and benchmarks are registered only on request: a registered test that is not run would be
# reported as skipped.
long=OFF
[ "$mode" = long ] && long=ON

# took START: the time since START (date +%s), for people
took() {
    seconds=$(($(date +%s) - $1))
    if [ "$seconds" -lt 60 ]; then
        echo "$seconds s"
    else
        echo "$((seconds / 60)) min $((seconds % 60)) s"
    fi
}

# build DIR CMAKE_ARGUMENT…
build() {
    dir=$1
    shift
    generator=
    [ -f "$dir/CMakeCache.txt" ] || ! command -v ninja >/dev/null 2>&1 || generator="-G Ninja"
    echo "== $dir: building"
    start=$(date +%s)
    # shellcheck disable=SC2086 # two words on purpose
    if $prefix cmake $generator -S . -B "$dir" -DPAGECAST_LONG=$long "$@" >"$log" 2>&1 &&
        $prefix cmake --build "$dir" --parallel "$cores" >"$log" 2>&1; then
        echo "== $dir: built in $(took "$start")"
        return 0
    fi
    grep -v '^\[' "$log" | tail -n 60
    echo "run.sh: building $dir failed after $(took "$start")"
    return 1
}

# reasons DIR: why tests were skipped, from ctest's log
reasons() {
    results=$1/Testing/Temporary/LastTest.log
    [ ! -f "$results" ] || awk '
        /^[0-9]+\/[0-9]+ Test: / {
            name = $0
            sub(/^[^:]*: /, "", name)
        }
        /^ *skipped: / {
            line = $0
            sub(/^ */, "", line)
            if (!seen[name line]++)
                print name ": " line
        }' "$results"
}

# check DIR CTEST_ARGUMENT…: run ctest and print each line as it comes. The summary is held back until
# the reasons of skipped tests are printed: ctest completes its log only when it ends. The shell reads
# the lines because mawk would wait for a full buffer. Most tests wait most of the time: twice as many
# at a time as there are cores.
check() {
    dir=$1
    shift
    echo "== $dir: testing"
    start=$(date +%s)
    {
        code=0
        # shellcheck disable=SC2086 # a prefix of two words, or none
        $prefix ctest --test-dir "$dir" --no-tests=error --output-on-failure \
            --parallel $((2 * cores)) "$@" 2>&1 ||
            code=$?
        echo $code >"$log"
    } | {
        : >"$log.summary"
        while IFS= read -r line; do
            case $line in
            [0-9]*"% tests passed"*)
                printf '%s\n' "$line" >"$log.summary"
                cat >>"$log.summary"
                ;;
            *) printf '%s\n' "$line" ;;
            esac
        done
        reasons "$dir"
        echo "== $dir: tested in $(took "$start")"
        echo
        cat "$log.summary"
    }
    return "$(cat "$log")"
}

# unprivileged: unit, api and client tests once more, in a clone of what is committed, by somebody who
# has no privilege and no account. Not where the whole run is a normal user's already.
unprivileged() {
    [ "$(id -u)" = 0 ] || return 0
    home=$(mktemp -d /tmp/pagecast-nobody.XXXXXX)
    mkdir "$home/tmp"
    if ! command -v setpriv >/dev/null 2>&1 || ! git clone -q --no-hardlinks . "$home/pagecast"; then
        echo "== as uid 65534: skipped: needs setpriv and git, and a repository"
        return 0
    fi
    chown -R 65534:65534 "$home"
    prefix="setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME=$home TMPDIR=$home/tmp
        LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    echo "== as uid 65534, in a clone"
    code=0
    (cd "$home/pagecast" && build build -DCMAKE_BUILD_TYPE=Release) || code=1
    [ $code != 0 ] || (cd "$home/pagecast" && check build -L '^(unit|api|client)$') || code=$?
    prefix=
    return $code
}

# npm's packages for tests/interop and buf, in the build tree; without npm their tests are skipped.
node_packages() {
    sh tests/interop/install.sh build/node ||
        echo "run.sh: npm's packages are missing; the tests that need them are skipped"
}

# A ThreadSanitizer program does not start where the kernel randomizes addresses more than its runtime
# expects; setarch -R turns randomization off.
tsan_prefix() {
    printf 'int main(void) { return 0; }\n' >"$log.c"
    gcc -fsanitize=thread -o "$log.bin" "$log.c" || return 1
    "$log.bin" 2>/dev/null && return 0
    prefix="setarch $(uname -m) -R"
    $prefix "$log.bin" 2>/dev/null
}

log=$(mktemp)
home=
trap 'rm -f "$log" "$log.c" "$log.bin" "$log.summary"; [ -z "$home" ] || rm -rf "$home"' EXIT
prefix=

sh agent/install-deps.sh build test
sh agent/install-deps.sh optional || :
[ "$mode" != long ] || sh agent/install-deps.sh bench

node_packages
build build -DCMAKE_BUILD_TYPE=Release || exit 1
check build || exit $?
unprivileged || exit $?
[ "$mode" != quick ] || exit 0

# A finding ends its program at once: in the log of a daemon it could pass unnoticed.
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# Sanitized builds leave out tests that do not run our C code (lint), clients written elsewhere and
# speed; and gcc's flow warnings, which are wrong for instrumented code.
sanitized='^(lint|interop|bench)$'
debug="-DCMAKE_BUILD_TYPE=Debug -DPAGECAST_WERROR=OFF"

# shellcheck disable=SC2086 # two words on purpose
build build-asan $debug -DPAGECAST_SANITIZE_ADDRESS=ON || exit 1
if ! tsan_prefix; then
    # printed here, so that the last lines stay those of ctest
    echo "== build-tsan: skipped: ThreadSanitizer programs do not start on this machine"
    check build-asan -LE "$sanitized"
    exit
fi
with_tsan=$prefix
prefix=
check build-asan -LE "$sanitized" || exit $?
# shellcheck disable=SC2086 # two words on purpose
build build-tsan $debug -DPAGECAST_SANITIZE_THREAD=ON || exit 1
prefix=$with_tsan
# Left out here: slow tests of code without threads. The client has no threads; all threads of the agent
# run in the API's tests.
single='^(unit\.test_(pacer|pacer_changes|train|wire|codec_.*|plan.*|json.*)|fuzz\..*)$'
check build-tsan -LE "$sanitized|^client$" -E "$single"
