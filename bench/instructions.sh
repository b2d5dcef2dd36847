#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/instructions.sh
#
# Instructions a 64-byte echo takes outside the kernel: 100 connections, one message in flight on
# each. callgrind counts exactly what the server executes, libc included; two runs of different
# length are compared, so that starting, accepting and closing drop out.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need valgrind valgrind

few=2000 many=22000

# count_instructions MESSAGES COMMAND...: $counted, of the server's whole life, all its processes.
count_instructions() {
  local messages=$1
  shift
  start_server valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" "$@"
  load -c 100 --size 64 -n "$messages" --timeout 30s >/dev/null
  if [ "$MODEL" = io_uring ]; then
    count_asleep
    return
  fi
  stop_server
  counted=$(awk '/Collected/ { sum += $NF } END { print sum }' "$server_said")
}

# count_asleep: $counted, asked of a server that sleeps in io_uring_enter, where valgrind 3.19 lets it
# hear no signal; so it is killed afterwards.
count_asleep() {
  timeout 10 vgdb --pid="$server_pid" dump >/dev/null 2>&1 || true
  kill -KILL "$server_pid"
  stop_server
  counted=$(awk '/^totals:/ { print $2 }' "$scratch/profile.1")
  rm -f "$scratch"/profile*
}

measure() {
  local name=$1 first
  shift
  count_instructions "$few" "$@"
  first=$counted
  count_instructions "$many" "$@"
  awk -v instructions=$((counted - first)) -v messages=$((many - few)) -v name="$name" \
    'BEGIN { printf "  %-24s %6.1f instructions an echo\n", name, instructions / messages }'
}

echo 'User instructions per 64-byte echo (callgrind, difference of two runs):'
show valgrind --tool=callgrind "${headrace[@]}"
show headrace bench tcp://127.0.0.1:PORT -c 100 --size 64 -n "$few, then $many"
measure "floor $floor_name" "${floor[@]}"
measure "headrace $MODEL" "${headrace[@]}"
