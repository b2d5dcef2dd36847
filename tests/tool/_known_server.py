# SPDX-License-Identifier: MIT
"""A server inside the test, a thread a connection, which answers what the test decides."""

import contextlib
import socket
import threading


def receive_all(peer):
    """The chunks that a peer sends, until it says FIN or goes away."""
    with contextlib.suppress(OSError):
        while chunk := peer.recv(65536):
            yield chunk


def echo(peer, _number):
    for chunk in receive_all(peer):
        peer.sendall(chunk)


class Server:
    """Serves every connection with `serve(peer, number)` in a thread; the first is number 0."""

    def __init__(self, serve=echo, family=socket.AF_INET, at=("127.0.0.1", 0), at_once=True):
        self.serve, self.at_once = serve, at_once
        self.listening = socket.socket(family)
        self.listening.bind(at)
        self.connections = 0

    @property
    def address(self):
        if self.listening.family == socket.AF_UNIX:
            name = self.listening.getsockname()
            return "unix:" + (name if isinstance(name, str) else "@" + name[1:].decode())
        host, port = self.listening.getsockname()[:2]
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

    def __enter__(self):
        self.listening.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def accept(self):
        while True:
            try:
                peer, _ = self.listening.accept()
            except OSError:
                return
            work = (peer, self.connections)
            self.connections += 1
            if self.at_once:
                threading.Thread(target=self.serve_one, args=work, daemon=True).start()
            else:
                self.serve_one(*work)

    def serve_one(self, peer, number):
        with peer, contextlib.suppress(OSError):
            self.serve(peer, number)
