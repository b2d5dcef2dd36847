# SPDX-License-Identifier: MIT
#
# What `headrace watch --sequence` costs a busy server: its CPU time a message under `headrace bench`
# (100 connections, 64 B), in alternating rounds with and without a watcher of its port, and the CPU
# time of the watcher itself. Medians. Ends by itself: every wait has a limit.
#
#   sudo unshare -n python3 bench/sequence_cost.py [ROUNDS [MESSAGES]]   # HEADRACE_PROGRAM=build/headrace
import contextlib
import json
import os
import re
import resource
import select
import signal
import statistics
import subprocess
import sys
import time

PROGRAM = os.environ.get("HEADRACE_PROGRAM", "build/headrace")
PATIENCE = 60


def line_with(process, what):
    """The first line on stderr of a program that matches, within PATIENCE."""
    read, until = b"", time.monotonic() + PATIENCE
    while time.monotonic() < until and select.select([process.stderr], [], [], 1)[0]:
        part = os.read(process.stderr.fileno(), 4096)
        read += part
        if found := re.search(what, read.decode("utf-8", "replace")):
            return found
        if not part:
            break
    sys.exit(f"{' '.join(process.args)}: {read.decode('utf-8', 'replace')}")


@contextlib.contextmanager
def running(*words):
    process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(port, messages):
    """CPU time a message of the server, in microseconds."""
    done = subprocess.run([PROGRAM, "bench", port, "-n", str(messages), "--json"],
                          capture_output=True, check=True, timeout=10 * PATIENCE)
    return json.loads(done.stdout)["server_cpu_us_per_message"]


def measure_watched(port, messages):
    """The same with a watcher; and the watcher's own CPU time a message, and what it says it lost."""
    with running("watch", "--sequence", f":{port}") as watcher:
        line_with(watcher, "watching")
        before = cpu_of_children()
        cost = measure(port, messages)
        bench = cpu_of_children() - before
        watcher.send_signal(signal.SIGINT)
        said = watcher.communicate(timeout=PATIENCE)[1].decode("utf-8", "replace")
    own = 1e6 * (cpu_of_children() - before - bench) / messages
    lost = re.search(r"(\d+) of (\d+) segments? came faster", said)
    return cost, own, 100 * int(lost[1]) / int(lost[2]) if lost else 0


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with running("serve", "echo", "--listen", "tcp://127.0.0.1:0") as server:
        port = line_with(server, r"listening on tcp://127\.0\.0\.1:(\d+)")[1]
        alone, watched = [], []
        for _ in range(rounds):
            alone.append(measure(port, messages))
            watched.append(measure_watched(port, messages))
    costs, own, lost = zip(*watched)
    for name, values in (("nobody watches", alone), ("watch --sequence :PORT", costs)):
        print(f"{name}: {statistics.median(values):.2f} us of the server's CPU a message "
              f"({min(values):.2f} to {max(values):.2f})")
    print(f"the watcher itself: {statistics.median(own):.2f} us a message; "
          f"segments that it missed: {statistics.median(lost):.1f}% ({min(lost):.1f} to {max(lost):.1f})")


if __name__ == "__main__":
    main()
