#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/run.sh        (or: make bench)
#
# Measures build/headrace beside the floor, the thinnest correct servers in C (bench/floor). First
# what hardly varies: system calls, instructions, memory, compile cost; then CPU time, which does.
# About two minutes. MODEL names another model than epoll-edge. The files beside this one can be run
# alone once this has built the floor.
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

echo "$(uname -srm), $(nproc) cores, $(cc --version | head -n 1)"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); other work on this machine spoils CPU times"
for script in system_calls instructions idle_memory compile_cost cpu; do
  echo
  "bench/$script.sh"
done
