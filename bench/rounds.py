# SPDX-License-Identifier: MIT
"""Usage: rounds.py HEADRACE NAME=PORT...

Loads the servers in turn, ROUNDS times MILLISECONDS for each kind of traffic, a different one first
in each round. Prints the median CPU time a message of each, its ratio to the median of the first
server (the floor), and how far the ratios of single rounds scatter: the middle half, and all.
"""

import json
import os
import statistics
import subprocess
import sys

TRAFFIC = {
    "100 connections, 64 B": ["-c", "100", "--size", "64"],
    "1000 connections, 64 B": ["-c", "1000", "--size", "64"],
    "100 connections, 64 B, 16 in flight": ["-c", "100", "--size", "64", "--in-flight", "16"],
    "100 connections, 16 KiB": ["-c", "100", "--size", "16KiB"],
}
LINE = "    {:<24} {:>9} {:>8} {:>15} {:>15}"


def cpu_of(program, port, traffic):
    command = [program, "bench", f"tcp://127.0.0.1:{port}", "--json", "-d",
               os.environ["MILLISECONDS"] + "ms", *traffic]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"bench failed: {done.stderr}")
    report = json.loads(done.stdout)
    if report["messages"] == 0:
        sys.exit("no message was answered in one round; use a larger MILLISECONDS")
    if report["server_cpu_us_per_message"] is None:
        sys.exit("bench does not see the server's CPU time")
    return report["server_cpu_us_per_message"]


def rounds_of(program, servers, traffic):
    """Of each server, its CPU time a message in every round."""
    times = {name: [] for name in servers}
    order = list(servers)
    for _ in range(int(os.environ["ROUNDS"])):
        for name in order:
            times[name].append(cpu_of(program, servers[name], traffic))
        order.append(order.pop(0))
    return times


def span(values):
    return f"{values[0]:.2f} to {values[-1]:.2f}"


def report(times):
    floor = next(iter(times.values()))
    for name, own in times.items():
        ratios = sorted(mine / thin for mine, thin in zip(own, floor))
        quarter = len(ratios) // 4
        half = ratios[quarter:len(ratios) - quarter]
        print(LINE.format(name, f"{statistics.median(own):.2f} us",
                          f"{statistics.median(own) / statistics.median(floor):.2f}", span(half),
                          span(ratios)), flush=True)


def main():
    program = sys.argv[1]
    servers = dict(word.rsplit("=", 1) for word in sys.argv[2:])
    print(LINE.format("", "median", "ratio", "half of rounds", "all rounds"))
    for title, traffic in TRAFFIC.items():
        print("  " + title, flush=True)
        report(rounds_of(program, servers, traffic))


main()
