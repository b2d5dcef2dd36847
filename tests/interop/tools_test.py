# SPDX-License-Identifier: MIT
#
# The tools that people have: nc and socat against every model. They must be installed
# (scripts/install-packages.sh tests): a test that is left out would promise nothing.
import random
import subprocess
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


if __name__ == "__main__":
    unittest.main()
