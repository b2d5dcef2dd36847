#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/idle_deadlines.sh
#
# What idle timeouts add to a message: instructions a 64-byte echo takes outside the kernel, with
# CONNECTIONS (19,000) that all talk, without an idle timeout, with the default one, and with one so
# short that each connection's deadline is looked at while the run lasts. The bar is 5%.
#
# Under callgrind a clock reading is a system call, elsewhere some 50 instructions in the vDSO; it is
# made once for all messages of a turn.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need valgrind valgrind

connections=${CONNECTIONS:-19000} few=2 many=7 without=

echo "User instructions per 64-byte echo, $connections connections (callgrind, difference of two runs):"
show valgrind --tool=callgrind "${headrace[@]}" --idle-timeout never
show headrace bench tcp://127.0.0.1:PORT -c "$connections" --size 64 -n \
  "$((few * connections)), then $((many * connections))"
for timeout in never 10m 30s; do
  instructions_of 1 "${headrace[@]}" --idle-timeout "$timeout"
  without=${without:-$instructions}
  awk -v timeout="$timeout" -v with="$instructions" -v without="$without" 'BEGIN {
    printf "  --idle-timeout %-9s %7.1f instructions an echo (%+.1f%%)\n", timeout, with, (with / without - 1) * 100 }'
done
