# SPDX-License-Identifier: MIT
"""A UDP server inside the test, which answers what the test decides."""

import contextlib
import socket
import threading


class DatagramServer:
    """`answer(number, datagram)` gives the datagrams to send back; the first has number 0. The
    question that bench asks to see that somebody is there is always answered, and has no number."""

    def __init__(self, answer=lambda _number, datagram: [datagram]):
        self.answer = answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.received = 0

    @property
    def address(self):
        return "udp://127.0.0.1:{}".format(self.socket.getsockname()[1])

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes recvfrom; unconnected: it also complains
        self.socket.close()

    def serve(self):
        while True:
            try:
                datagram, sender = self.socket.recvfrom(65536)
                if sender is None:
                    return
                if datagram == bytes(8):
                    self.socket.sendto(datagram, sender)
                    continue
                number = self.received
                self.received += 1  # before the answer: who has that may look at this
                for one in self.answer(number, datagram):
                    self.socket.sendto(one, sender)
            except OSError:
                return
