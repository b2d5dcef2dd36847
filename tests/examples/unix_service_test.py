# SPDX-License-Identifier: MIT
#
# examples/unix_service.cpp: a path that hands out numbers, to its owner only, and goes with the
# server.
import os
import socket
import stat
import tempfile
import unittest

from _example import Example, receive_until_end, run


class UnixService(unittest.TestCase):
    def test_hands_out_each_number_once(self):
        with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
            path = os.path.join(directory, "numbers.sock")
            with Example("unix_service", path) as example:
                self.assertEqual(example.listening, "unix:" + path)
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                peers = [example.connect() for _ in range(20)]
                numbers = [receive_until_end(peer) for peer in peers]
                for peer in peers:
                    peer.close()
                self.assertEqual(sorted(numbers, key=int), [b"%d\n" % n for n in range(1, 21)])
                taken = run("unix_service", path)
                self.assertEqual(taken.returncode, 1)
                self.assertIn("address in use", taken.stderr)
                self.assertEqual(example.stop(), 0)
            self.assertFalse(os.path.exists(path))

    def test_a_path_left_behind_is_replaced(self):
        with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
            path = os.path.join(directory, "numbers.sock")
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(path)
                stale.listen()
            with Example("unix_service", path) as example, example.connect() as peer:
                self.assertEqual(receive_until_end(peer), b"1\n")


if __name__ == "__main__":
    unittest.main()
