#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/system_calls.sh
#
# System calls a 64-byte echo: 100 connections, one message in flight on each. strace counts the
# whole life of the server, so two runs of different length are compared: starting, accepting and
# closing are the same in both and drop out.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need strace strace

few=10000 many=40000

# count_calls MESSAGES COMMAND...: $counted, all calls of the server's life, of all its threads and
# processes.
count_calls() {
  local messages=$1
  shift
  start_server strace -f -c -o "$scratch/counts" "$@"
  load -c 100 --size 64 -n "$messages" >/dev/null
  stop_server "$(children_of "$server_pid")"
  counted=$(awk '$NF == "total" { print $4 }' "$scratch/counts")
}

measure() {
  local name=$1 first
  shift
  count_calls "$few" "$@"
  first=$counted
  count_calls "$many" "$@"
  awk -v calls=$((counted - first)) -v messages=$((many - few)) -v name="$name" \
    'BEGIN { printf "  %-24s %6.3f system calls an echo\n", name, calls / messages }'
}

echo 'System calls per 64-byte echo (strace -c, difference of two runs):'
show strace -f -c "${headrace[@]}"
show headrace bench tcp://127.0.0.1:PORT -c 100 --size 64 -n "$few, then $many"
for_each_server measure
