# SPDX-License-Identifier: MIT
#
# UDP echo clients that know nothing of headrace: the one of the seeds, written anew in Python, nc and
# socat; and socat at a Unix path. nc and socat meet two models only: one that blocks and the default.
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
        """Until the answer has come: by themselves the tools wait a second for it, and it may be
        late."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            client.stdin.write(b"hello\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline(), b"hello\n")
            client.kill()

    def test_nc(self):
        for model in ("pool", "epoll-edge"):
            with self.subTest(model), Echo(model) as server:
                self.play(["nc.openbsd", "-u", "127.0.0.1", str(server.port)])

    def test_socat(self):
        for model in ("pool", "epoll-edge"):
            with self.subTest(model), Echo(model) as server:
                self.play(["socat", "-", f"UDP4:127.0.0.1:{server.port}"])

    def test_socat_at_a_path(self):
        with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
            path, own = os.path.join(directory, "echo"), os.path.join(directory, "client")
            with Echo("epoll-edge", "unix-datagram:" + path):
                until = time.monotonic() + PATIENCE
                while not os.path.exists(path) and time.monotonic() < until:
                    time.sleep(0.005)  # between two looks
                self.play(["socat", "-", f"UNIX-SENDTO:{path},bind={own}"])


if __name__ == "__main__":
    unittest.main()
