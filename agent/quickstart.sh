#!/bin/sh
# quickstart.sh: from a freshly installed machine to packets that were sent and counted.
#
# Installs missing packages, builds Release into build/, starts pagecastd with default settings and a
# counting receiver on loopback, and sends one job with the client. Prints how many packets were sent
# and received, the rate and the path; exits 0 only if both counts agree. Stops all that it started
# and leaves only build/.
set -eu
cd "$(dirname "$0")/.."

PACKETS=100000
SIZE=64
RATE_PPS=50000
# Without root the receiver's buffer has the system's default size, a few hundred packets: a lower rate
# keeps it from overflowing when the receiver has to wait for a CPU.
[ "$(id -u)" = 0 ] || RATE_PPS=20000

work=$(mktemp -d "${TMPDIR:-/tmp}/pagecast-quickstart.XXXXXX")
agent=
receiver=

# stop PID: SIGTERM, wait up to 5 s, SIGKILL
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || return 0
    tries=0
    while kill -0 "$1" 2>/dev/null && [ $tries -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
}

clean_up() {
    trap '' INT TERM HUP
    stop "$receiver"
    stop "$agent"
    rm -rf "$work"
}
trap clean_up EXIT
trap 'cat "$work/sent.txt" 2>/dev/null; exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    echo "quickstart.sh: $1" >&2
    [ -z "${2:-}" ] || tail -n 30 "$2" >&2
    exit 1
}

thousands() {
    echo "$1" | sed -e :a -e 's/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/;ta'
}

# field NAME FILE: a number in the receiver's line of JSON
field() {
    sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$2"
}

# start OPTION…: start an agent with its files in the work folder; wait until it listens
start() {
    # in its own session: Ctrl-C shall reach the client, which cancels its job while the agent runs
    RUNTIME_DIRECTORY="$work/run" STATE_DIRECTORY="$work/state" setsid build/bin/pagecastd "$@" \
        >"$work/agent.log" 2>&1 </dev/null &
    agent=$!
    tries=0
    while [ $tries -lt 100 ]; do
        url=$(sed -n 's/^listening on \(http:.*\)/\1/p' "$work/agent.log")
        [ -z "$url" ] || return 0
        kill -0 "$agent" 2>/dev/null || break
        sleep 0.1
        tries=$((tries + 1))
    done
    stop "$agent"
    agent=
    return 1
}

sh agent/install-deps.sh build || exit 1
echo "building Release in $(pwd)/build"
generator=
[ -f build/CMakeCache.txt ] || ! command -v ninja >/dev/null 2>&1 || generator="-G Ninja"
# shellcheck disable=SC2086 # two words on purpose
{
    cmake $generator -S . -B build -DCMAKE_BUILD_TYPE=Release &&
        cmake --build build --parallel "$(nproc 2>/dev/null || echo 2)" --target pagecastd pagecast gaps
} >"$work/build.log" 2>&1 || fail "the build failed" "$work/build.log"

mkdir -m 700 "$work/run" "$work/state"
: >"$work/agent.log"
: >"$work/receiver.log"
if start; then
    echo "pagecastd is running with default settings at $url"
elif grep -qi 'in use' "$work/agent.log"; then
    echo "127.0.0.1:8470 is in use by another program; using a free port"
    start --listen 127.0.0.1:0 --listen "unix:$work/run/api.sock" ||
        fail "pagecastd did not start" "$work/agent.log"
    echo "pagecastd is running at $url"
else
    fail "pagecastd did not start" "$work/agent.log"
fi

setsid build/bin/gaps --address 127.0.0.1 --idle-ms 2000 --pps $RATE_PPS --count $PACKETS \
    >"$work/received.json" 2>"$work/receiver.log" &
receiver=$!
port=
tries=0
while [ -z "$port" ] && [ $tries -lt 50 ]; do
    sleep 0.1
    port=$(sed -n 's/^port //p' "$work/receiver.log")
    tries=$((tries + 1))
done
[ -n "$port" ] || fail "the receiver did not start" "$work/receiver.log"

set -- send "udp://127.0.0.1:$port" --text hello --size $SIZE \
    --packets $PACKETS --pps $RATE_PPS
echo "pagecast $*"
if ! build/bin/pagecast --agent "$url" "$@" >"$work/sent.txt"; then
    cat "$work/sent.txt"
    fail "the job did not succeed" "$work/agent.log"
fi
cat "$work/sent.txt"
wait "$receiver" || :
receiver=

sent=$(sed -n 's/^ *sent *\([0-9,]*\) of .*/\1/p' "$work/sent.txt" | tr -d ,)
path=$(sed -n 's/^ *path *//p' "$work/sent.txt")
received=$(field datagrams "$work/received.json")
pps=$(field pps "$work/received.json")
lost=$(field lost_here "$work/received.json")
echo
echo "sent      $(thousands "${sent:-0}") packets of $SIZE bytes"
echo "received  $(thousands "${received:-0}")"
echo "rate      $(thousands "${pps%%.*}") packets/s at the receiver, $(thousands $RATE_PPS) requested"
echo "path      ${path:-unknown}"
if [ "$sent" != "$PACKETS" ] || [ "$received" != "$PACKETS" ]; then
    [ "${lost:-0}" = 0 ] || echo "note      $(thousands "$lost") packets were dropped: the receiver's buffer was full"
    fail "sent and received must both be $(thousands $PACKETS) packets"
fi
