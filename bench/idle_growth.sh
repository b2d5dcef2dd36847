#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/idle_growth.sh
#
# What idle connections cost those that talk: the server's CPU per message with 10 connections that
# send 64 bytes, first alone, then beside IDLE (900) that keep still, under each of MODELS. Rounds
# alternate; medians of ROUNDS (5). Server and load have a core each, where there are two. IDLE is
# below 1000, so that select can hold them.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need python3 python3

idle=${IDLE:-900}
rounds=${ROUNDS:-5}
read -ra models <<<"${MODELS:-polling select poll epoll-level epoll-edge}"

# cpu_of_message: of the server at $port, in microseconds.
cpu_of_message() {
  pinned 1 timeout 120 "$HEADRACE" bench "tcp://127.0.0.1:$port" -c 10 --size 64 -d 500ms --json |
    sed -nE 's/.*"server_cpu_us_per_message": ([0-9.]+).*/\1/p'
}

# one_round MODEL: "ALONE BESIDE".
one_round() {
  local alone beside held=
  start_server pinned 0 "$HEADRACE" serve echo --model "$1" --listen tcp://127.0.0.1:0
  alone=$(cpu_of_message)
  coproc HOLD { timeout 100 python3 "$root/bench/hold.py" "$port" "$idle"; }
  local holding=$HOLD_PID
  read -r -t 60 held <&"${HOLD[0]}" || true
  if [ "$held" != "holding $idle" ]; then
    echo "  the clients could not open $idle connections" >&2
    exit 1
  fi
  beside=$(cpu_of_message)
  exec {HOLD[1]}>&-
  wait "$holding"
  stop_server
  echo "$alone $beside"
}

median() { sort -n | awk '{ of[NR] = $1 } END { print of[int((NR + 1) / 2)] }'; }

for ((round = 0; round < rounds; ++round)); do
  for model in "${models[@]}"; do
    one_round "$model" >"$scratch/now"
    cat "$scratch/now" >>"$scratch/$model"
  done
done
echo "CPU of the server per message, 10 connections that talk, us (median of $rounds rounds):"
printf '  %-12s %8s %12s\n' model alone "beside $idle"
for model in "${models[@]}"; do
  printf '  %-12s %8.2f %12.2f\n' "$model" "$(cut -d ' ' -f 1 "$scratch/$model" | median)" \
    "$(cut -d ' ' -f 2 "$scratch/$model" | median)"
done
