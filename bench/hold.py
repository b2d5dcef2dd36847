# SPDX-License-Identifier: MIT
"""Usage: hold.py PORT CONNECTIONS

Opens so many connections to 127.0.0.1:PORT, has one message echoed on each, says "holding N" and
keeps them open until its standard input ends.
"""

import resource
import socket
import sys

MESSAGE = b"x" * 64


def open_one(port):
    peer = socket.create_connection(("127.0.0.1", port), timeout=30)
    peer.sendall(MESSAGE)
    answer = b""
    while len(answer) < len(MESSAGE):
        part = peer.recv(len(MESSAGE) - len(answer))
        if not part:
            sys.exit("the server closed a connection")
        answer += part
    return peer


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    peers = [open_one(port) for _ in range(count)]
    print("holding", len(peers), flush=True)
    sys.stdin.read()


main()
