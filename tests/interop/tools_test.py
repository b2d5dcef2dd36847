# SPDX-License-Identifier: MIT
#
# The tools that people have: nc, ncat and socat against every model, and every service that is
# there for a program. They must be installed (scripts/install-packages.sh tests): a test that is
# left out would promise nothing.
import os
import random
import subprocess
import tempfile
import unittest

from _clients import PATIENCE, Served, models

BYTES = random.Random(3).randbytes(1_000_000)


def play(command, data):
    """What `command` prints when it is given `data` and then the end of its input."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}: {done.stderr}")
    return done.stdout


class Tools(unittest.TestCase):
    def test_nc(self):
        """-N: the end of its input becomes a FIN, then it reads on until ours."""
        for model in models():
            with self.subTest(model), Served(model) as server:
                host, port = server.address
                for data in (b"hello\n", b"", BYTES):
                    self.assertEqual(play(["nc.openbsd", "-N", host, str(port)], data), data)

    def test_ncat(self):
        """As nc with -N."""
        for model in models():
            with self.subTest(model), Served(model) as server:
                host, port = server.address
                for data in (b"", BYTES):
                    self.assertEqual(play(["ncat", host, str(port)], data), data)

    def test_socat(self):
        for model in models():
            with self.subTest(model), Served(model) as server:
                host, port = server.address
                command = ["socat", "-t", "60", "-", f"TCP4:{host}:{port}"]
                for data in (b"hello\n", BYTES):
                    self.assertEqual(play(command, data), data)

    def test_bash(self):
        """A shell with nothing installed: its own /dev/tcp."""
        for model in models():
            with self.subTest(model), Served(model) as server:
                host, port = server.address
                script = f"exec 3<>/dev/tcp/{host}/{port}; echo hello >&3; head -n 1 <&3"
                self.assertEqual(play(["bash", "-c", script], b""), b"hello\n")

    def test_at_a_unix_path(self):
        for model in ("process", "epoll-edge"):
            with self.subTest(model), tempfile.TemporaryDirectory(prefix="headrace-") as directory:
                path = os.path.join(directory, "echo")
                with Served(model, "--listen", "unix:" + path) as server:
                    server.said("(unix:)")
                    for command in (["nc.openbsd", "-N", "-U", path], ["ncat", "-U", path],
                                    ["socat", "-t", "60", "-", f"UNIX-CONNECT:{path}"]):
                        self.assertEqual(play(command, BYTES[:100_000]), BYTES[:100_000])


class OtherServices(unittest.TestCase):
    """What is not echo, by the default model: its tests under the others are its own."""

    @staticmethod
    def clients(address):
        host, port = address
        return (["nc.openbsd", "-N", host, str(port)], ["ncat", host, str(port)],
                ["socat", "-t", "60", "-", f"TCP4:{host}:{port}"])

    def test_reply(self):
        """The note's server: "has recv:" and what came, then it closes."""
        with Served("epoll-edge", service="reply") as server:
            for command in self.clients(server.address):
                self.assertEqual(play(command, "你好".encode()), "has recv:你好".encode())

    def test_discard(self):
        with Served("epoll-edge", service="discard") as server:
            for command in self.clients(server.address):
                self.assertEqual(play(command, BYTES), b"")


if __name__ == "__main__":
    unittest.main()
