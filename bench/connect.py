# SPDX-License-Identifier: MIT
"""Usage: connect.py HEADRACE

How fast `headrace connect` moves bytes beside socat: between pipes and a TCP connection on loopback,
out, in, and both ways through an echo. ROUNDS (9) rounds of MEBIBYTES (512) each, one program after
the other; medians of the rate and of the client's own CPU time. socat runs as it is and with our
size of a piece (-b 131072). The peers are the same for all.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time

ROUNDS = int(os.environ.get("ROUNDS", "9"))
SIZE = int(os.environ.get("MEBIBYTES", "512")) << 20
PIECE = 1 << 20
LINE = "  {:<6} {:<16} {:>12} {:>14} {:>20}"


def sink(peer):
    space = bytearray(PIECE)
    while peer.recv_into(space):
        pass


def source(peer):
    piece = bytes(PIECE)
    for _ in range(SIZE // PIECE):
        peer.sendall(piece)


def echo(peer):
    space = memoryview(bytearray(PIECE))
    while size := peer.recv_into(space):
        peer.sendall(space[:size])


TRAFFIC = {"out": sink, "in": source, "both": echo}


def socat(*options):
    return lambda port, kind: ["socat", *options, *(["-u"] if kind != "both" else ["-t", "60"]),
                               *(("STDIN", f"TCP4:127.0.0.1:{port}") if kind == "out" else
                                 (f"TCP4:127.0.0.1:{port}", "STDOUT") if kind == "in" else
                                 ("STDIO", f"TCP4:127.0.0.1:{port}"))]


def run(command, kind, serve):
    """Seconds for all, and CPU seconds of the client."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def once():
            peer, _ = listening.accept()
            with peer:
                serve(peer)

        peer = threading.Thread(target=once)
        peer.start()
        began = time.monotonic()
        given = "/dev/null" if kind == "in" else "/dev/zero"
        with open(given, "rb") as zero, open("/dev/null", "wb") as null:
            head = subprocess.Popen(["head", "-c", str(SIZE)], stdin=zero, stdout=subprocess.PIPE)
            client = subprocess.Popen(command(listening.getsockname()[1], kind), stdin=head.stdout,
                                      stdout=subprocess.PIPE)
            head.stdout.close()
            count = subprocess.Popen(["cat"], stdin=client.stdout, stdout=null)
            client.stdout.close()
            _, status, usage = os.wait4(client.pid, 0)
            client.returncode = os.waitstatus_to_exitcode(status)
            if client.returncode != 0:
                sys.exit(f"status {client.returncode}")
            count.wait()
            peer.join()
            took = time.monotonic() - began
            head.wait()
    return took, usage.ru_utime + usage.ru_stime


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    clients = {
        "headrace connect": lambda port, kind: [program, "connect", f"127.0.0.1:{port}"],
        "socat": socat(),
        "socat -b 131072": socat("-b", "131072"),
    }
    print(f"{SIZE >> 20} MiB, {ROUNDS} rounds, medians:")
    print(LINE.format("", "", "rate", "client's CPU", "single rounds"))
    for kind, serve in TRAFFIC.items():
        results = {name: [] for name in clients}
        for turn in range(ROUNDS):
            names = list(clients)
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                results[name].append(run(clients[name], kind, serve))
        for name, rounds in results.items():
            rates = [SIZE / took / 1e6 for took, _ in rounds]
            cpu = statistics.median(cpu for _, cpu in rounds) / SIZE * 1e9
            print(LINE.format(kind, name, f"{statistics.median(rates):.0f} MB/s",
                              f"{cpu:.3f} s/GB", f"{min(rates):.0f} to {max(rates):.0f}"),
                  flush=True)


main()
