# SPDX-License-Identifier: MIT
"""`headrace bench udp://...` against servers that lose, repeat, hold back and forge answers."""

import socket
import threading
import unittest

from _bench import bench
from _known_datagrams import DatagramServer
from _program import PATIENCE

# So long that even a busy machine answers in time; what is lost costs as much, once a socket.
SURE = ("--timeout", "3s")


class Datagrams(unittest.TestCase):
    def test_every_size_comes_back(self):
        for size in (8, 9, 64, 1400, 65507):
            with self.subTest(size=size), DatagramServer() as server:
                done = bench(server.address, "-c", 2, "--size", size, "-n", 40, "--verify", *SURE)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.report["messages"], 40)
                self.assertEqual(server.received, 40)
                self.assertEqual(done.report["datagrams"],
                                 {"sent": 40, "lost": 0, "late": 0, "repeated": 0, "foreign": 0})

    def test_sizes_that_cannot_be(self):
        for size in (7, 65508):
            self.assertEqual(bench("udp://127.0.0.1:9", "--size", size).returncode, 2)

    def test_what_is_lost_is_counted(self):
        with DatagramServer(lambda number, one: [] if number in (10, 20, 30) else [one]) as server:
            done = bench(server.address, "-c", 4, "-n", 100, "--in-flight", 2, *SURE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors_by_kind"], {"lost": 3})
        self.assertEqual(done.report["datagrams"]["sent"], 100)
        self.assertEqual(done.report["messages"], 97)
        self.assertIn("97 of 100 messages were answered", done.stderr)

    def test_what_comes_twice_is_counted_and_no_error(self):
        with DatagramServer(lambda number, one: [one] * (1 + (number == 7))) as server:
            done = bench(server.address, "-c", 1, "-n", 50, *SURE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 50)
        self.assertEqual(done.report["datagrams"]["repeated"], 1)

    def test_a_second_copy_may_come_behind_the_next_question(self):
        copies = []

        def answer(number, one):
            if number == 7:
                copies.append(one)
            return [copies.pop(), one] if number == 8 else [one]

        with DatagramServer(answer) as server:
            done = bench(server.address, "-c", 1, "-n", 50, *SURE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["datagrams"]["repeated"], 1)
        self.assertEqual(done.report["datagrams"]["late"], 0)

    def test_what_comes_late_and_twice_was_late_once(self):
        held = []

        def answer(number, one):
            if number == 3:
                held.append(one)
                return []
            return [held[0], held.pop(), one] if held else [one]

        with DatagramServer(answer) as server:
            done = bench(server.address, "-c", 1, "-n", 20, "--timeout", "2s")
        self.assertEqual(done.report["datagrams"]["late"], 1)
        self.assertEqual(done.report["datagrams"]["repeated"], 1)
        self.assertEqual(done.report["errors_by_kind"], {"lost": 1})

    def test_what_comes_late_was_lost(self):
        held = []

        def answer(number, one):
            if number == 3:
                held.append(one)
                return []
            return [held.pop(), one] if held else [one]

        with DatagramServer(answer) as server:
            done = bench(server.address, "-c", 1, "-n", 20, "--timeout", "2s")
        self.assertEqual(done.report["datagrams"]["late"], 1)
        self.assertEqual(done.report["errors_by_kind"], {"lost": 1})

    def test_answers_to_nothing_are_errors(self):
        def answer(number, one):
            return [one, one[:8]] if number == 5 else [one]

        with DatagramServer(answer) as server:
            done = bench(server.address, "-c", 1, "-n", 50, *SURE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors_by_kind"], {"surplus": 1})
        self.assertEqual(done.report["datagrams"]["foreign"], 1)

    def test_a_flipped_bit_is_seen(self):
        def answer(number, one):
            return [one[:-1] + bytes([one[-1] ^ 1])] if number == 5 else [one]

        with DatagramServer(answer) as server:
            done = bench(server.address, "-c", 1, "-n", 50, "--verify", *SURE)
        self.assertEqual(done.report["errors_by_kind"], {"corrupt": 1})

    def test_an_open_loop(self):
        with DatagramServer() as server:
            done = bench(server.address, "-c", 3, "--rate", 300, "-d", "1s", "--threads", 2, *SURE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertAlmostEqual(done.report["messages"] + done.report["messages_behind"], 300,
                               delta=2)

    def test_nobody_is_there(self):
        unused = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        unused.bind(("127.0.0.1", 0))  # it is ours, and nobody answers
        for_nobody = "udp://127.0.0.1:{}".format(unused.getsockname()[1])
        done = bench(for_nobody, "--timeout", "300ms")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"connect to {for_nobody}: timed out", done.stderr)
        self.assertIn("is a server running there?", done.stderr)
        unused.close()

    def test_waits_for_a_server_that_is_just_starting(self):
        server = DatagramServer()  # bound, and silent
        late = threading.Timer(0.3, server.__enter__)
        late.start()
        done = bench(server.address, "-c", 2, "-n", 20, "--timeout", f"{PATIENCE:.0f}s")
        late.join()
        server.__exit__()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 20)


if __name__ == "__main__":
    unittest.main()
