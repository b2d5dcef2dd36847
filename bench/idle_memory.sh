#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/idle_memory.sh
#
# User memory an idle connection takes: CONNECTIONS (10,000) clients, in a process of their own,
# send one message each, get it back and then keep still. What counts is Pss_Anon + Pss_Shmem +
# SwapPss of /proc/PID/smaps_rollup, over the server's processes: heap, stacks and anonymous maps,
# shared ones too. The kernel's own memory (sockets, epoll entries) is not in it.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need python3 python3

connections=${CONNECTIONS:-10000}

# memory_of PID: of it and its children, in KiB.
memory_of() {
  local pid
  for pid in "$1" $(children_of "$1"); do
    cat "/proc/$pid/smaps_rollup"
  done | awk '/^(Pss_Anon|Pss_Shmem|SwapPss):/ { sum += $2 } END { print sum }'
}

measure() {
  local name=$1 before after
  shift
  start_server "$@"
  # A few first, so that what a server sets up once is not charged to the connections.
  load -c 100 --size 64 -n 1000 >/dev/null
  before=$(memory_of "$server_pid")
  coproc HOLD { timeout 100 python3 "$root/bench/hold.py" "$port" "$connections"; }
  local holding=$HOLD_PID held=
  read -r -t 60 held <&"${HOLD[0]}" || true
  if [ "$held" != "holding $connections" ]; then
    echo "  the clients could not open $connections connections" >&2
    exit 1
  fi
  after=$(memory_of "$server_pid")
  exec {HOLD[1]}>&-
  wait "$holding"
  stop_server
  awk -v grown=$((after - before)) -v count="$connections" -v name="$name" -v before="$before" \
    'BEGIN { printf "  %-24s %6.3f KiB each (%d KiB before)\n", name, grown / count, before }'
}

echo "User memory per idle connection at $connections (Pss_Anon + Pss_Shmem + SwapPss):"
show "${headrace[@]}"
show python3 bench/hold.py PORT "$connections"
for_each_server measure
