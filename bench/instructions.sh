#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/instructions.sh
#
# Instructions a 64-byte echo takes outside the kernel, of headrace, its floor and PEERS: 100
# connections, first with one message in flight on each, then with 16 (where the client decides how
# many of them a receive brings, so that figures differ a little from run to run).
set -euo pipefail
source "$(dirname "$0")/server.sh"
need valgrind valgrind

connections=100 few=20 many=120

measure() {
  instructions_of "$in_flight" "${@:2}"
  printf '  %-24s %7s instructions an echo\n' "$1" "$instructions"
}

for in_flight in 1 16; do
  echo "User instructions per 64-byte echo, $in_flight in flight (callgrind, difference of two runs):"
  show valgrind --tool=callgrind "${headrace[@]}"
  show headrace bench tcp://127.0.0.1:PORT -c "$connections" --size 64 --in-flight "$in_flight" -n \
    "$((few * connections * in_flight)), then $((many * connections * in_flight))"
  for_each_server measure
done
