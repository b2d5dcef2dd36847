# SPDX-License-Identifier: MIT
#
# What `headrace watch` costs a server that opens and closes connections all the time: the CPU time of
# the process that makes them, a connection, with and without a watcher, in alternating rounds. In it
# is what the kernel does on the connections' own time: trace events, the packet filter, messages
# about ended sockets. Medians.
#
#   sudo unshare -n python3 bench/watch_cost.py [ROUNDS]     # HEADRACE_PROGRAM=build/headrace
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys

PROGRAM = os.environ.get("HEADRACE_PROGRAM", "build/headrace")
CONNECTIONS = 3000


def cpu_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def churn(listener):
    """CPU time of one connection, in microseconds: both ends, opened, a message, closed."""
    begun = cpu_time()
    for _ in range(CONNECTIONS):
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        client.send(b"hello")
        server.recv(5)
        server.close()
        client.close()
    return 1e6 * (cpu_time() - begun) / CONNECTIONS


def watched(listener, *prefix):
    process = subprocess.Popen([*prefix, PROGRAM, "watch", f":{listener.getsockname()[1]}"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    process.stdout.readline()
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    cost = churn(listener)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    drain.wait(60)
    return cost


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    socket.setdefaulttimeout(60)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
        file.write("1024 65000")
    # As an ordinary user: snapshots and messages about ended sockets.
    ways = {"nobody watches": churn,
            "an ordinary user watches": lambda listener: watched(
                listener, "setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all"),
            "all sources": watched}
    costs = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                listener.listen(64)
                costs[name].append(way(listener))
    alone = statistics.median(costs["nobody watches"])
    for name, values in costs.items():
        median = statistics.median(values)
        print(f"{name}: {median:.1f} us a connection ({min(values):.1f} to {max(values):.1f}), "
              f"{median - alone:+.1f} us")


if __name__ == "__main__":
    main()
