# SPDX-License-Identifier: MIT
#
# Sockets in every state of TCP, and network namespaces to have them in. A socket is held in a state
# by a filter that has it drop what comes: then no ACK and no FIN moves it on.
import array
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys

SKIPPED = 77
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27


def enter_own_network(rights="-Urn", first=":"):
    """Goes on in a network namespace of its own, with loopback up and the shell command `first` done;
    ends the program as skipped where that is not allowed."""
    if os.environ.get("HEADRACE_OWN_NETWORK") == "1":
        return
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", rights, "--", "sh", "-c",
               f'ip link set lo up && {first} && exec "$@"', "sh"]
    if not (unshare and shutil.which("ip")) or subprocess.run(
            [*command, "true"], capture_output=True, check=False).returncode != 0:
        print("no network namespace of our own to be had here")
        sys.exit(SKIPPED)
    os.environ["HEADRACE_OWN_NETWORK"] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def drop_what_comes(end):
    """From here on the socket behaves as if the network lost everything sent to it."""
    code = array.array("B", struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET | BPF_K, 0 bytes
    buffer = (ctypes.c_ubyte * len(code)).from_buffer(code)
    end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                   struct.pack("HL", 1, ctypes.addressof(buffer)))


def take_what_comes(end):
    end.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


class Sockets:
    """Pairs of connected sockets on loopback, and what is done to them."""

    def __init__(self, host="127.0.0.1"):
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.kept = []
        self.listener = self.listening(host)
        self.port = self.listener.getsockname()[1]

    def close(self):
        for end in self.kept:
            end.close()

    def listening(self, host, backlog=16, **options):
        listener = socket.socket(self.family)
        self.kept.append(listener)
        for name, value in options.items():
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        listener.bind((host, 0))
        listener.listen(backlog)
        return listener

    def pair(self):
        client = socket.create_connection(self.listener.getsockname()[:2])
        server, _ = self.listener.accept()
        self.kept += [client, server]
        return client, server

    def begin_connecting(self, address):
        client = socket.socket(self.family)
        client.setblocking(False)
        client.connect_ex(address)
        self.kept.append(client)
        return client

    def make_time_wait(self):
        client, server = self.pair()
        client.close()
        server.recv(1)
        server.close()

    def make_every_state(self):
        """One socket at least in each state but CLOSED; they stay as they are for a while."""
        self.pair()  # ESTABLISHED

        client, _ = self.pair()
        client.shutdown(socket.SHUT_WR)  # FIN-WAIT-2 and CLOSE-WAIT

        client, server = self.pair()
        drop_what_comes(server)
        client.shutdown(socket.SHUT_WR)  # FIN-WAIT-1: nobody acknowledges its FIN

        client, server = self.pair()
        client.shutdown(socket.SHUT_WR)
        server.recv(1)
        drop_what_comes(client)
        server.shutdown(socket.SHUT_WR)  # LAST-ACK

        client, server = self.pair()
        drop_what_comes(client)
        drop_what_comes(server)
        client.shutdown(socket.SHUT_WR)
        server.shutdown(socket.SHUT_WR)
        take_what_comes(client)  # CLOSING, once the server has sent its FIN again

        self.make_time_wait()

        # A request stays SYN-RECEIVED until data comes.
        deferring = self.listening("127.0.0.1" if self.family == socket.AF_INET else "::1",
                                   TCP_DEFER_ACCEPT=60)
        self.begin_connecting(deferring.getsockname()[:2])

        full = self.listening("127.0.0.1" if self.family == socket.AF_INET else "::1", backlog=0)
        for _ in range(3):
            self.begin_connecting(full.getsockname()[:2])  # the last: SYN-SENT
