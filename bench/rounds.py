# SPDX-License-Identifier: MIT
"""Usage: rounds.py HEADRACE FLOOR_PORT OTHER_PORT NAME

Loads the two servers in turn, ROUNDS times MILLISECONDS for each kind of traffic, and prints the
median CPU time a message of both, the ratio of the medians, and how far the ratios of single rounds
scatter.
"""

import json
import os
import statistics
import subprocess
import sys

TRAFFIC = {
    "100 connections, 64 B": ["-c", "100", "--size", "64"],
    "1000 connections, 64 B": ["-c", "1000", "--size", "64"],
    "100 connections, 16 in flight": ["-c", "100", "--size", "64", "--in-flight", "16"],
    "100 connections, 16 KiB": ["-c", "100", "--size", "16KiB"],
}
LINE = "  {:<30} {:>9} {:>9} {:>8} {:>15}"


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


def main():
    program, floor_port, other_port, name = sys.argv[1:]
    print(LINE.format("", "floor", name.split()[0], "ratio", "single rounds"))
    for title, traffic in TRAFFIC.items():
        floor, other = [], []
        for turn in range(int(os.environ["ROUNDS"])):
            pair = [(floor, floor_port), (other, other_port)]
            for results, port in pair if turn % 2 == 0 else reversed(pair):
                results.append(cpu_of(program, port, traffic))
        ratios = [o / f for f, o in zip(floor, other)]
        medians = statistics.median(floor), statistics.median(other)
        print(LINE.format(title, f"{medians[0]:.2f} us", f"{medians[1]:.2f} us",
                          f"{medians[1] / medians[0]:.2f}",
                          f"{min(ratios):.2f} to {max(ratios):.2f}"), flush=True)


main()
