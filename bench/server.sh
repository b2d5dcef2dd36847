# SPDX-License-Identifier: MIT
#
# Sourced by the measuring scripts: what they measure (build/headrace under MODEL, epoll-edge unless
# told otherwise, the floor of that model, and PEERS: names that bench/build_peers.sh has printed), and
# how a server is started, found and ended. Every wait here is bounded.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
HEADRACE=${HEADRACE:-$root/build/headrace}
FLOORS=${FLOORS:-$root/build/bench}
MODEL=${MODEL:-epoll-edge}

scratch=$(mktemp -d)
server_pid=
beside=()  # servers that stay up beside the one started last
trap clean_up EXIT
trap 'exit 130' INT TERM

case $MODEL in  # the thinnest server of the same kind
  process | thread | select | poll | epoll-level | io_uring) floor_name=$MODEL ;;
  *) floor_name=epoll-edge ;;
esac
floor=("$FLOORS/${floor_name//-/_}" 0)
headrace=("$HEADRACE" serve echo --model "$MODEL" --listen tcp://127.0.0.1:0)
ulimit -Sn "$(ulimit -Hn)"  # a server may have many connections

# for_each_server FUNCTION: calls it as FUNCTION NAME COMMAND..., the floor first.
for_each_server() {
  local peer
  "$1" "floor $floor_name" "${floor[@]}"
  if [ "$MODEL" = io_uring ]; then  # what it has to be better than
    "$1" "floor epoll-level" "$FLOORS/epoll_level" 0
  fi
  "$1" "headrace $MODEL" "${headrace[@]}"
  for peer in ${PEERS:-}; do "$1" "$peer" "$FLOORS/peer_$peer"; done
}

# show COMMAND...: says what is run.
show() { printf '    %s\n' "${*//$root\//}"; }

# need PROGRAM PACKAGE: ends the script when PROGRAM is missing.
need() {
  command -v "$1" >/dev/null && return
  echo "  left out: $1 is missing; apt-get install $2"
  exit 0
}

# pinned CORE COMMAND...: on that core, where there are two.
pinned() {
  if [ "$(nproc)" -ge 2 ]; then exec taskset -c "$@"; fi
  shift
  exec "$@"
}

# start_server COMMAND...: returns once it accepts; its port in $port, its process in $server_pid,
# what it says in $server_said.
start_server() {
  server_said=$(mktemp "$scratch/said.XXXX")
  "$@" 2>"$server_said" >/dev/null &
  server_pid=$!
  port=
  for _ in $(seq 300); do
    port=$(sed -nE 's|.*listening on tcp://127\.0\.0\.1:([0-9]+).*|\1|p' "$server_said" | head -n 1)
    [ -n "$port" ] && return
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "  the server did not come up: $*" >&2
  cat "$server_said" >&2
  exit 1
}

# stop_server [PID]: SIGTERM to the server, or to PID where another process stands before it.
stop_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM "${1:-$server_pid}" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# children_of PID: its children, one a line.
children_of() { cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n' | sed '/^$/d'; }

# clean_up: however a script ends. strace lets go of what it has started, so that is ended by itself.
clean_up() {
  local pid
  for pid in ${server_pid:+$(children_of "$server_pid")} "${beside[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
  done
  stop_server
  rm -rf "$scratch"
}

# count_asleep: adds to `counted`, asked of a server that sleeps in io_uring_enter, where valgrind 3.19
# lets it hear no signal; so it is killed afterwards.
count_asleep() {
  timeout 10 vgdb --pid="$server_pid" dump >/dev/null 2>&1 || true
  kill -KILL "$server_pid"
  stop_server
  counted+=("$(awk '/^totals:/ { print $2 }' "$scratch/profile.1")")
  rm -f "$scratch"/profile*
}

# instructions_of IN_FLIGHT COMMAND...: $instructions that a 64-byte echo of that server takes outside
# the kernel, in all its processes, with $connections. callgrind counts exactly what is executed, libc
# included; runs of $few and of $many messages a connection and place in flight are compared, so that
# starting, accepting and closing drop out.
instructions_of() {
  local in_flight=$1 counted=() messages run
  shift
  for run in "$few" "$many"; do
    messages=$((run * connections * in_flight))
    start_server valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" "$@"
    load -c "$connections" --size 64 --in-flight "$in_flight" -n "$messages" --timeout 60s >/dev/null
    if [[ "$*" == *io_uring* ]]; then
      count_asleep
      continue
    fi
    stop_server
    counted+=("$(awk '/Collected/ { sum += $NF } END { printf "%.0f", sum }' "$server_said")")
  done
  messages=$(((many - few) * connections * in_flight))
  instructions=$(awk "BEGIN { printf \"%.1f\", (${counted[1]} - ${counted[0]}) / $messages }")
}

# load ARGUMENTS...: `headrace bench` against the server at $port, its JSON on stdout.
load() {
  timeout 120 "$HEADRACE" bench "tcp://127.0.0.1:$port" --json "$@"
}
