#!/bin/sh
# run.sh [--quick | --long]: the whole suite on a machine that may have nothing of it yet.
#
# Installs what is missing (agent/install-deps.sh), then builds and runs three times: Release with
# every test; with AddressSanitizer and UndefinedBehaviorSanitizer; with ThreadSanitizer. The first
# build whose tests fail ends the run, so that the last lines are always those of the ctest that
# decided, and the exit status is its own.
#
#   --quick  the Release build alone
#   --long   also what does not fit 20 minutes: tests labelled "long", the benchmarks
#
# Build folders are build, build-asan and build-tsan of this tree. Works from any directory, as root
# and as a normal user; what a user may not do is skipped and told.
set -eu
cd "$(dirname "$0")/.."

mode=full
case ${1:-} in
'') ;;
--quick | --long) mode=${1#--} ;;
*)
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
cores=$(nproc 2>/dev/null || echo 2)

# Long tests and benchmarks are registered only where they are asked for: a test that is listed but
# was not to run would read as skipped.
long=OFF
[ "$mode" = long ] && long=ON

# build DIR CMAKE_ARGUMENT…
build() {
    dir=$1
    shift
    generator=
    [ -f "$dir/CMakeCache.txt" ] || ! command -v ninja >/dev/null 2>&1 || generator="-G Ninja"
    echo "== $dir: building"
    # shellcheck disable=SC2086 # two words on purpose
    cmake $generator -S . -B "$dir" -DPAGECAST_LONG=$long "$@" >"$log" 2>&1 &&
        cmake --build "$dir" --parallel "$cores" >"$log" 2>&1 && return 0
    grep -v '^\[' "$log" | tail -n 60
    echo "run.sh: $dir does not build"
    return 1
}

# check DIR CTEST_ARGUMENT…: ctest as it runs; ahead of its closing lines, the reason of each skip
check() {
    dir=$1
    shift
    echo "== $dir: testing"
    {
        code=0
        # shellcheck disable=SC2086 # a prefix of two words, or none
        $prefix ctest --test-dir "$dir" --no-tests=error --output-on-failure \
            --parallel "$cores" "$@" 2>&1 ||
            code=$?
        echo $code >"$log"
    } | awk -v results="$dir/Testing/Temporary/LastTest.log" '
        function reasons(   line, name) {
            while ((getline line <results) > 0) {
                if (line ~ /^[0-9]+\/[0-9]+ Test: /) {
                    name = line
                    sub(/^[^:]*: /, "", name)
                }
                if (line ~ /^ *skipped: /) {
                    sub(/^ */, "", line)
                    if (!told[name line]++)
                        print name ": " line
                }
            }
        }
        # ctest has its log in place only once it has ended
        /^[0-9]+% tests passed/ { closing = 1 }
        closing { held[++lines] = $0; next }
        { print; fflush() }
        END {
            reasons()
            for (i = 1; i <= lines; i++)
                print held[i]
        }'
    return "$(cat "$log")"
}

# npm's packages for tests/interop and buf, in the build tree; without npm their tests skip.
node_packages() {
    sh tests/interop/install.sh build/node || echo "run.sh: what needs npm's packages skips"
}

# A ThreadSanitizer program does not start where the kernel shuffles addresses further than its
# runtime expects; setarch -R asks the kernel not to.
tsan_prefix() {
    printf 'int main(void) { return 0; }\n' >"$log.c"
    gcc -fsanitize=thread -o "$log.bin" "$log.c" || return 1
    "$log.bin" 2>/dev/null && return 0
    prefix="setarch $(uname -m) -R"
    $prefix "$log.bin" 2>/dev/null
}

log=$(mktemp)
trap 'rm -f "$log" "$log.c" "$log.bin"' EXIT
prefix=

sh agent/install-deps.sh build test
sh agent/install-deps.sh optional || :
[ "$mode" != long ] || sh agent/install-deps.sh bench

node_packages
build build -DCMAKE_BUILD_TYPE=Release || exit 1
check build || exit $?
[ "$mode" != quick ] || exit 0

# A finding ends the program that has it at once: a daemon's must not go unseen in its log.
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# Sanitized builds leave out what they cannot say more about: the lint, clients of others, speed; and
# gcc's flow warnings, which misjudge instrumented code.
sanitized='^(lint|interop|bench)$'
debug="-DCMAKE_BUILD_TYPE=Debug -DPAGECAST_WERROR=OFF"

# shellcheck disable=SC2086 # two words on purpose
build build-asan $debug -DPAGECAST_SANITIZE_ADDRESS=ON || exit 1
if ! tsan_prefix; then
    # said here, so that ctest stays the last to speak
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
# Of what has no threads, that which takes long: ThreadSanitizer has nothing to say there. The client has
# none, and the agent's are all at work in the API's tests.
single='^(unit\.test_(pacer|pacer_changes|train|wire|codec_.*|plan.*|json.*)|fuzz\..*)$'
check build-tsan -LE "$sanitized|^client$" -E "$single"
