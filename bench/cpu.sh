#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/cpu.sh
#
# CPU time a message against the floor, measured side by side: the servers (of PEERS too) stay up,
# pinned to core 0, the load on core 1; short rounds (of MILLISECONDS, 700), one server after the
# other, ROUNDS (7) times. One round scatters by 14%: seven tell a tenth, forty a thirtieth.
set -euo pipefail
source "$(dirname "$0")/server.sh"
need python3 python3
need taskset util-linux

export ROUNDS=${ROUNDS:-7} MILLISECONDS=${MILLISECONDS:-700}

servers=()
start_beside() {
  start_server pinned 0 "${@:2}"
  servers+=("$1=$port")
  beside+=("$server_pid")
  server_pid=
}
for_each_server start_beside

echo "CPU per message against the floor ($floor_name), $ROUNDS rounds of $MILLISECONDS ms each:"
show taskset -c 0 "${headrace[@]}"
show taskset -c 1 headrace bench tcp://127.0.0.1:PORT -d "${MILLISECONDS}ms" -c 100 --size 64 ...
core=() && [ "$(nproc)" -ge 2 ] && core=(taskset -c 1)
"${core[@]}" python3 "$root/bench/rounds.py" "$HEADRACE" "${servers[@]}"
