# SPDX-License-Identifier: MIT
"""Usage: chat_memory.py HEADRACE [MEMBERS ROOMS [LIMIT_MIB]]

Memory of `headrace serve chat` with MEMBERS (10,000) members in ROOMS (1000) rooms: each comes in,
goes to its room and hears a line there. Then the server's Pss_Anon + Pss_Shmem + SwapPss is read
from /proc. The kernel's own memory for the sockets is not in it. Ends with status 1 above
LIMIT_MIB (100).
"""

import os
import re
import resource
import select
import socket
import subprocess
import sys


def raise_limit():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def start_server(program):
    server = subprocess.Popen([program, "serve", "chat", "--listen", "tcp://127.0.0.1:0",
                               "--idle-timeout", "never", *os.environ.get("SERVE", "").split()],
                              stderr=subprocess.PIPE, text=True)
    while not (found := re.search(r"tcp://127\.0\.0\.1:(\d+)", server.stderr.readline())):
        if server.poll() is not None:
            sys.exit("the server did not come up")
    return server, int(found.group(1))


class Members:
    """Sockets that are read all the time, so that none is slow."""

    def __init__(self, port):
        self.port, self.peers, self.heard = port, {}, {}
        self.polled = select.epoll()

    def add(self, number, room):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        peer.sendall(f"m{number}\n/join r{room}\n".encode())
        self.peers[peer.fileno()] = peer
        self.heard[peer.fileno()] = b""
        self.polled.register(peer, select.EPOLLIN)

    def read_until(self, is_enough, patience=60):
        """Reads whatever comes, until `is_enough()`."""
        while not is_enough():
            events = self.polled.poll(patience)
            if not events:
                sys.exit("the server says nothing any more")
            for descriptor, _ in events:
                part = self.peers[descriptor].recv(65536)
                if not part:
                    sys.exit("the server closed a connection")
                self.heard[descriptor] = (self.heard[descriptor] + part)[-200:]


def memory_of(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file
                   if line.startswith(("Pss_Anon:", "Pss_Shmem:", "SwapPss:")))


def main():
    words = sys.argv[1:]
    program = words[0]
    count, rooms = (int(words[1]), int(words[2])) if len(words) > 2 else (10_000, 1000)
    limit = float(words[3]) if len(words) > 3 else 100
    if raise_limit() < count + 100:
        print(f"left out: {count} descriptors are not allowed here")
        sys.exit(77)
    server, port = start_server(program)
    try:
        members = Members(port)
        for number in range(count):
            members.add(number, number % rooms)
            if number % 100 == 99 or number == count - 1:
                last = list(members.peers)[-100:]
                members.read_until(lambda at=last: all(b"-- in r" in members.heard[one]
                                                       for one in at))
        for number, peer in enumerate(list(members.peers.values())[:rooms]):
            peer.sendall(f"a line in room {number}\n".encode())
        hearing = list(members.peers)[rooms:]
        members.read_until(lambda: all(b"a line in room" in members.heard[one] for one in hearing))
        kib = memory_of(server.pid)
        print(f"{count} members in {rooms} rooms: {kib / 1024:.1f} MiB, {kib / count:.2f} KiB each")
        return 0 if kib / 1024 <= limit else 1
    finally:
        server.kill()
        server.wait()


sys.exit(main())
