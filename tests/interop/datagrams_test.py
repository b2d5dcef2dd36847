# SPDX-License-Identifier: MIT
#
# UDP echo clients that know nothing of headrace: the one of the seeds, written anew in Python, nc and
# socat; and socat at a Unix path. nc and socat wait a second after the end of their input, so they
# meet two models only: one that blocks and the default.
import os
import re
import socket
import subprocess
import tempfile
import time
import unittest

from _clients import PATIENCE, PROGRAM, models


class Echo:
    """`headrace serve echo` at a datagram address, as a context that expects exit status 0."""

    def __init__(self, model, address="udp://127.0.0.1:0"):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "echo", "--model", model, "--listen", address],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
        line = self.process.stderr.readline()
        found = re.search(r"udp://127\.0\.0\.1:(\d+)", line)
        self.port = int(found.group(1)) if found else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        self.summary = self.process.communicate(timeout=PATIENCE)[1]
        if kind is None and self.process.returncode != 0:
            raise AssertionError(f"status {self.process.returncode}: {self.summary}")


def with_datagrams():
    return [name for name in models() if name not in ("process", "thread")]


class Clients(unittest.TestCase):
    def test_client_of_the_seeds(self):
        """Sends a line, receives at most 1024 bytes, shows them; again."""
        for model in with_datagrams():
            with self.subTest(model), Echo(model) as server, \
                 socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.settimeout(PATIENCE)
                for text in ("hello", "你好", "bye"):
                    for encoding in ("utf-8", "gb2312"):
                        udp.sendto(text.encode(encoding), ("127.0.0.1", server.port))
                        data, address = udp.recvfrom(1024)
                        self.assertEqual(data.decode(encoding), text)
                        self.assertEqual(address, ("127.0.0.1", server.port))
            self.assertIn("6 datagrams in, 6 out", server.summary)

    def play(self, command):
        done = subprocess.run(command, input=b"hello\n", capture_output=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.stdout, b"hello\n", done.stderr)

    def test_nc(self):
        for model in ("pool", "epoll-edge"):
            with self.subTest(model), Echo(model) as server:
                self.play(["nc.openbsd", "-u", "-w", "1", "127.0.0.1", str(server.port)])

    def test_socat(self):
        for model in ("pool", "epoll-edge"):
            with self.subTest(model), Echo(model) as server:
                self.play(["socat", "-t", "1", "-", f"UDP4:127.0.0.1:{server.port}"])

    def test_socat_at_a_path(self):
        with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
            path, own = os.path.join(directory, "echo"), os.path.join(directory, "client")
            with Echo("epoll-edge", "unix-datagram:" + path):
                until = time.monotonic() + PATIENCE
                while not os.path.exists(path) and time.monotonic() < until:
                    time.sleep(0.005)  # between two looks
                self.play(["socat", "-t", "1", "-", f"UNIX-SENDTO:{path},bind={own}"])


if __name__ == "__main__":
    unittest.main()
