#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/fanout.sh
#
# One talks and 100, or 1000 (MEMBERS="100 1000") listen, in one room: lines of 64 bytes delivered a
# second, and the server's CPU time a delivery, of `headrace serve chat` (under MODEL, epoll-edge)
# beside `ncat --chat`, ngircd and the floor, which is one send(2) for each recv(2) and member and
# nothing else (bench/floor/fanout.c). LINES_AT_ONCE="4096 16 1": a file that is piped into the room
# as fast as it goes, which everybody passes on in pieces; a lively room; one line at a time, where
# everybody has to make a send(2) a delivery. Servers on core 0, load on core 1; ROUNDS (9) rounds
# of MILLISECONDS (400), one server after the other in each. At last the system calls a delivery, by
# strace. Servers that are not installed are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/server.sh
ROUNDS=${ROUNDS:-9} MILLISECONDS=${MILLISECONDS:-400} LINES_AT_ONCE=${LINES_AT_ONCE:-4096 16 1}
MEMBERS=${MEMBERS:-100 1000}

case $MODEL in
  iterative | pool | process | prefork)
    echo "left out: rooms have no members who stay under model $MODEL"
    exit 0
    ;;
esac
ulimit -n "$(ulimit -Hn)"
pids=()
end_all() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  clean_up
}
trap end_all EXIT

cc -std=c11 -O3 -Wall -Wextra bench/fanout_load.c -o "$scratch/fanout_load"
cc -std=c11 -O2 -Wall -Wextra bench/floor/fanout.c -o "$scratch/floor_fanout"

# wait_for_port PORT: until somebody listens there.
wait_for_port() {
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.1
  done
  echo "nobody listens at port $1" >&2
  exit 1
}

free_port() {
  python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_ncat() {
  command -v ncat >/dev/null || { echo '  without ncat: apt-get install ncat'; return; }
  local port
  port=$(free_port)
  (pinned 0 ncat -l 127.0.0.1 "$port" --chat -m 2000) >/dev/null 2>&1 &
  pids+=($!)
  wait_for_port "$port"
  servers+=("ncat:ncat:$!:$port")
}

start_ngircd() {
  command -v ngircd >/dev/null || { echo '  without ngircd: apt-get install ngircd'; return; }
  local port
  port=$(free_port)
  cat >"$scratch/ngircd.conf" <<END
[Global]
Name = irc.example.net
Info = bench
Listen = 127.0.0.1
Ports = $port
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
END
  chmod 755 "$scratch"
  (pinned 0 ngircd -n -f "$scratch/ngircd.conf") >/dev/null 2>&1 &
  pids+=($!)
  wait_for_port "$port"
  servers+=("ngircd:irc:$!:$port")
}

# start_and_ask NAME PROTOCOL COMMAND...: for a server that says where it listens.
start_and_ask() {
  local said=$scratch/$1.$RANDOM port=
  (pinned 0 "${@:3}") 2>"$said" >/dev/null &
  pids+=($!)
  for _ in $(seq 100); do
    port=$(sed -nE 's|.*listening on tcp://127\.0\.0\.1:([0-9]+).*|\1|p' "$said")
    [ -n "$port" ] && break
    sleep 0.1
  done
  [ -n "$port" ] || { echo "$1 did not come up" >&2; cat "$said" >&2; exit 1; }
  servers+=("$1:$2:${pids[-1]}:$port")
}

echo "$(uname -srm), $(nproc) cores; load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
for members in $MEMBERS; do
  for lines in $LINES_AT_ONCE; do
    echo "$members members, $lines lines at once, model $MODEL, $ROUNDS rounds of $MILLISECONDS ms;"
    echo '  lines delivered a second, ratio to the first; CPU a delivery, its ratio:'
    servers=()
    start_ncat
    start_ngircd
    start_and_ask floor ncat "$scratch/floor_fanout"
    start_and_ask headrace chat "$HEADRACE" serve chat --model "$MODEL" \
      --listen tcp://127.0.0.1:0 --history 0 --idle-timeout never
    (pinned 1 "$scratch/fanout_load" "$members" "$lines" "$ROUNDS" "$MILLISECONDS" "${servers[@]}")
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    wait "${pids[@]}" 2>/dev/null || true
    pids=()
  done
done

command -v strace >/dev/null || exit 0
echo 'System calls a delivery of headrace, 100 members (strace -c, difference of two runs):'
# count_calls LINES ROUNDS: $counted.
count_calls() {
  start_server strace -f -c -o "$scratch/counts" "$HEADRACE" serve chat --model "$MODEL" \
    --listen tcp://127.0.0.1:0 --history 0
  "$scratch/fanout_load" 100 "$1" "$2" 0 "headrace:chat:$server_pid:$port" >/dev/null
  stop_server "$(children_of "$server_pid")"
  counted=$(awk '$NF == "total" { print $4 }' "$scratch/counts")
}
for lines in $LINES_AT_ONCE; do
  count_calls "$lines" 5
  few=$counted
  count_calls "$lines" 25
  awk -v calls=$((counted - few)) -v deliveries=$((20 * 100 * lines)) -v lines="$lines" \
    'BEGIN { printf "  %4d lines at once: %.4f\n", lines, calls / deliveries }'
done
