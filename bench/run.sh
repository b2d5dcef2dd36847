#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/run.sh        (or: make bench)
#
# Measures build/headrace beside the floor, the thinnest correct servers in C (bench/floor), and
# beside the same echo in other libraries (bench/peers). First what hardly varies: system calls,
# instructions, memory, compile cost; then CPU time, which does, over TCP, over UDP and of a chat room
# (beside ncat --chat and ngircd, where they are installed). Says at the end how long each part took,
# some seven minutes in all. MODEL names another model than epoll-edge; PEERS= leaves the peers out.
# The files beside this one can be run alone once this has built the floor.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x "${HEADRACE:-build/headrace}" ]; then
  echo "bench: there is no build/headrace; run: make build" >&2
  exit 1
fi

mkdir -p build/bench
for name in process thread select poll epoll_level epoll_edge; do
  cc -std=c11 -O2 -Wall -Wextra -pthread "bench/floor/$name.c" -o "build/bench/$name"
done
cc -std=c11 -O2 -Wall -Wextra bench/floor/io_uring.c -o build/bench/io_uring -luring
PEERS=${PEERS-$(bench/build_peers.sh build/bench)}
export PEERS

echo "$(uname -srm), $(nproc) cores, $(cc --version | head -n 1)"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); other work on this machine spoils CPU times"
took=
# part SCRIPT [VARIABLE=VALUE...]
part() {
  local began=$SECONDS
  echo
  env "${@:2}" "bench/$1.sh"
  took+="${took:+, }$1 $((SECONDS - began))"
}
part system_calls
part instructions
part idle_memory
part idle_deadlines
part compile_cost
part cpu ROUNDS="${ROUNDS:-7}" MILLISECONDS="${MILLISECONDS:-400}"
part udp ROUNDS="${ROUNDS:-7}" MILLISECONDS="${MILLISECONDS:-300}"
part fanout ROUNDS="${ROUNDS:-5}" MILLISECONDS="${MILLISECONDS:-300}"
echo
echo "bench: took $SECONDS s ($took)"
