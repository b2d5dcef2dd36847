#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/udp.sh
#
# CPU time a datagram of `headrace serve echo --listen udp://` (under MODEL, epoll-edge unless told
# otherwise) against the textbook loop in C (bench/floor/udp.c), beside Asio and libuv where their
# headers are installed (libasio-dev, libuv1-dev). Servers on core 0, load on core 1; ROUNDS (40)
# rounds of MILLISECONDS (300) each, one server after the other in every round.
set -euo pipefail
cd "$(dirname "$0")/.."
HEADRACE=${HEADRACE:-build/headrace}
MODEL=${MODEL:-epoll-edge}
ROUNDS=${ROUNDS:-40} MILLISECONDS=${MILLISECONDS:-300}
SIZES=${SIZES:-64 1400}

built=$(mktemp -d)
pids=()
clean_up() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$built"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# On that core, where there are two.
pinned() {
  if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then exec taskset -c "$@"; fi
  shift
  exec "$@"
}

servers=()
# start NAME COMMAND...: adds NAME:PID:PORT to servers.
start() {
  local said=$built/$1.said port=
  (pinned 0 "${@:2}") 2>"$said" >/dev/null &
  pids+=($!)
  for _ in $(seq 100); do
    port=$(sed -nE 's|.*listening on udp://127\.0\.0\.1:([0-9]+).*|\1|p' "$said" | head -n 1)
    [ -n "$port" ] && break
    sleep 0.1
  done
  [ -n "$port" ] || { echo "$1 did not come up" >&2; cat "$said" >&2; exit 1; }
  servers+=("$1:${pids[-1]}:$port")
}

cc -std=c11 -O2 -Wall -Wextra bench/udp_load.c -o "$built/udp_load"
cc -std=c11 -O2 -Wall -Wextra bench/floor/udp.c -o "$built/floor"
start floor "$built/floor"
start "headrace" "$HEADRACE" serve echo --model "$MODEL" --listen udp://127.0.0.1:0
if c++ -std=c++20 -O2 bench/peers/udp_asio.cpp -o "$built/asio" -pthread 2>"$built/why"; then
  start asio "$built/asio"
else
  echo "Asio is left out: no libasio-dev?"
fi
if cc -std=c11 -D_GNU_SOURCE -O2 bench/peers/udp_libuv.c -o "$built/libuv" -luv 2>"$built/why"; then
  start libuv "$built/libuv"
else
  echo "libuv is left out: no libuv1-dev?"
fi

echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); other work on this machine spoils CPU times"
for size in $SIZES; do
  echo "CPU a datagram of $size bytes, model $MODEL, $ROUNDS rounds of $MILLISECONDS ms, 10 sockets x 16:"
  (pinned 1 "$built/udp_load" "$size" "$ROUNDS" "$MILLISECONDS" "${servers[@]}")
done
