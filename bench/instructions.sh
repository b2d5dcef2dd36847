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
  start_server valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@"
  load -c 100 --size 64 -n "$messages" --timeout 30s >/dev/null
  stop_server
  counted=$(awk '/Collected/ { sum += $NF } END { print sum }' "$server_said")
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
