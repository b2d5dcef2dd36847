#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/generator.sh
#
# The load generator against a minimal client in C (bench/floor/client.c): both load the same server,
# the epoll-level floor, pinned to core 0, from core 1, in turns, ROUNDS (11) times for SECONDS (1)
# each, with 100 connections of 64 bytes. Shows the median CPU per message of both and how much of
# its core the server used meanwhile: on an idle machine all of it.
set -euo pipefail
MODEL=epoll-level
source "$(dirname "$0")/server.sh"
need python3 python3
need taskset util-linux
export ROUNDS=${ROUNDS:-11} SECONDS_EACH=${SECONDS_EACH:-1}

mkdir -p "$FLOORS"
cc -std=c11 -O2 -Wall -Wextra "$root/bench/floor/client.c" -o "$FLOORS/client"
cc -std=c11 -O2 -Wall -Wextra -pthread "$root/bench/floor/epoll_level.c" -o "$FLOORS/epoll_level"
start_server pinned 0 "${floor[@]}"
echo "CPU per message of the load, $ROUNDS rounds of $SECONDS_EACH s each, the floor $floor_name as server:"
core=() && [ "$(nproc)" -ge 2 ] && core=(taskset -c 1)
"${core[@]}" python3 - "$HEADRACE" "$FLOORS/client" "$port" <<'PYTHON'
import json, os, re, statistics, subprocess, sys

program, client, port = sys.argv[1:]
seconds = os.environ["SECONDS_EACH"]
ours, thin, used, rates = [], [], [], []
for turn in range(int(os.environ["ROUNDS"])):
    done = subprocess.run([client, port, "100", "64", seconds], capture_output=True, text=True,
                          check=True, timeout=60)
    thin.append(float(re.search(r"([\d.]+) us CPU", done.stdout)[1]))
    rates.append(float(done.stdout.split()[0]))
    done = subprocess.run([program, "bench", "127.0.0.1:" + port, "-c", "100", "--json", "-d",
                           f"{int(float(seconds) * 1000)}ms"],
                          capture_output=True, text=True, check=True, timeout=60)
    report = json.loads(done.stdout)
    ours.append(report["bench_cpu_us_per_message"])
    used.append((report["messages_per_second"], report["server_cores_used"]))
ratios = sorted(a / b for a, b in zip(ours, thin))
rate, share = (statistics.median(values) for values in zip(*used))
print(f"  client.c        {statistics.median(thin):.3f} us a message, "
      f"{statistics.median(rates):,.0f} messages/s")
print(f"  headrace bench  {statistics.median(ours):.3f} us a message, {rate:,.0f} messages/s, "
      f"the server at {share * 100:.0f}% of its core")
print(f"  ratio           {statistics.median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
PYTHON
