# SPDX-License-Identifier: MIT
"""What `headrace bench` says of servers whose rate, stalls and connections are known.

Counts are exact. Times are only ever compared with those that the server has measured itself, or
bounded from below: a busy machine makes everything slower, never faster.
"""

import collections
import os
import select
import socket
import tempfile
import threading
import time
import unittest

from _bench import bench
from _known_server import Server, echo, receive_all
from _program import PATIENCE, Server as OurServer
from _watching import until


class Pace:
    """Lets through one message after another, each when it is due; notes when."""

    def __init__(self, rate):
        self.rate, self.lock = rate, threading.Lock()
        self.first = self.last = None
        self.count = 0

    def wait_turn(self):
        with self.lock:
            now = time.monotonic()
            self.first = self.first or now
            due = self.first + self.count / self.rate
            if due > now:
                threading.Event().wait(due - now)
            self.count += 1
            self.last = time.monotonic()


class OpenLoop(unittest.TestCase):
    def test_a_stall_once_a_second_shows(self):
        """The server sleeps 100 ms once a second: of the messages due then, a tenth of all, every
        tenth waits 90 ms or more."""
        serving = threading.Lock()
        over = threading.Event()

        def stall():
            while not over.wait(0.9):
                with serving:
                    over.wait(0.1)

        def serve(peer, _number):
            for chunk in receive_all(peer):
                with serving:
                    peer.sendall(chunk)

        with Server(serve) as server:
            staller = threading.Thread(target=stall)
            staller.start()
            try:
                done = bench(server.address, "-c", 4, "--rate", 500, "-d", "3s")
            finally:
                over.set()
                staller.join()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(done.report["latency_us"]["p99"], 70_000)
        self.assertGreaterEqual(done.report["latency_us"]["max"], 80_000)

    def test_every_message_that_is_due_is_told_of(self):
        with Server() as server:
            done = bench(server.address, "-c", 3, "--rate", 400, "-d", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"] + done.report["messages_behind"], 400)
        self.assertEqual(done.report["rate"], 400)

    def test_messages_are_never_sent_before_they_are_due(self):
        arrivals = []

        def serve(peer, _number):
            for chunk in receive_all(peer):
                arrivals.append(time.monotonic())
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 1, "--rate", 200, "-n", 60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 60)
        self.assertGreaterEqual(done.report["seconds"], 59 / 200)
        self.assertEqual(len(arrivals), 60)

    def test_a_server_too_slow_for_the_rate_is_behind_and_its_latency_grows(self):
        pace = Pace(100)

        def serve(peer, _number):
            for chunk in receive_all(peer):
                pace.wait_turn()
                peer.sendall(chunk)

        with Server(serve) as server:
            report = bench(server.address, "-c", 2, "--rate", 1000, "-d", "500ms").report
        self.assertEqual(report["messages"] + report["messages_behind"], 500)
        self.assertGreaterEqual(report["messages_behind"], 400)
        pace.first, pace.count = None, 0
        with Server(serve) as server:
            report = bench(server.address, "-c", 2, "--rate", 1000, "-n", 60).report
        self.assertGreaterEqual(report["latency_us"]["p90"], 450_000)  # the 54th, due after 54 ms

    def test_with_several_threads_the_rate_is_shared(self):
        with Server() as server:
            done = bench(server.address, "-c", 5, "--rate", 300, "-d", "1s", "--threads", 3)
        self.assertEqual(done.returncode, 0, done.stderr)
        total = done.report["messages"] + done.report["messages_behind"]
        self.assertAlmostEqual(total, 300, delta=3)  # each share is rounded


class KnownRate(unittest.TestCase):
    def test_the_time_lies_between_what_the_server_and_what_we_see(self):
        """However busy the machine is: from before the first question that the server got until
        after its last answer, and all while bench ran."""
        pace = Pace(2000)

        def serve(peer, _number):
            for chunk in receive_all(peer):
                pace.wait_turn()
                peer.sendall(chunk)

        with Server(serve) as server:
            began = time.monotonic()
            done = bench(server.address, "-c", 4, "-n", 2400)
            took = time.monotonic() - began
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((done.report["messages"], pace.count), (2400, 2400))
        self.assertGreaterEqual(done.report["seconds"], pace.last - pace.first)
        self.assertLessEqual(done.report["seconds"], took)
        self.assertAlmostEqual(done.report["messages_per_second"] * done.report["seconds"], 2400,
                               delta=1)


class Connections(unittest.TestCase):
    def test_idle_connections_stay_open_and_say_nothing(self):
        sent = collections.Counter()

        def serve(peer, number):
            for chunk in receive_all(peer):
                sent[number] += len(chunk)
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 7, "--active", 2, "-n", 100, "--verify")
            until(lambda: server.connections == 7, "the last of them, which says nothing")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(sent), 2)
        self.assertEqual(sum(sent.values()), 6400)
        self.assertEqual(done.report["connections_idle"], 5)
        self.assertEqual(done.report["connections_never_answered"], 0)

    def test_an_idle_connection_that_the_server_closes_is_an_error(self):
        talkers = set()
        closed = threading.Event()  # the others must not do all the work before

        def serve(peer, number):  # which one is idle shows when the three others have spoken
            while not select.select([peer], [], [], 0.01)[0]:
                if len(talkers) == 3:
                    peer.shutdown(socket.SHUT_RDWR)
                    closed.set()
                    return
            talkers.add(number)
            closed.wait(PATIENCE)
            echo(peer, number)

        with Server(serve) as server:
            done = bench(server.address, "-c", 4, "--active", 3, "-n", 3000)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors_by_kind"], {"closed": 1})

    def test_what_is_warm_up_is_not_counted(self):
        received = collections.Counter()

        def serve(peer, number):
            for chunk in receive_all(peer):
                received[number] += 1
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 2, "-n", 50, "--warmup", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 50)
        self.assertGreater(sum(received.values()), 50)
        self.assertEqual(done.report["warmup_seconds"], 1)

    def test_what_goes_wrong_in_the_warm_up_is_counted(self):
        def serve(peer, number):
            for chunk in receive_all(peer):
                peer.sendall(chunk)
                if number == 0:
                    return

        with Server(serve) as server:
            done = bench(server.address, "-c", 2, "-n", 50, "--warmup", "1s")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors"], 1)

    def test_threads_share_the_connections(self):
        for threads, connections, messages in ((3, 10, 1000), (8, 5, 1000), (4, 9, 2)):
            with self.subTest(threads=threads), Server() as server:
                done = bench(server.address, "-c", connections, "-n", messages, "--verify",
                             "--threads", threads)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.report["messages"], messages)
                self.assertLessEqual(done.report["connections"], connections)

    def test_threads_and_a_server_that_takes_one_at_a_time(self):
        with Server(at_once=False) as server:
            done = bench(server.address, "-c", 6, "-n", 60, "--threads", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 60)

    def test_a_ramp_takes_its_time(self):
        with Server() as server:
            began = time.monotonic()
            done = bench(server.address, "-c", 5, "--ramp", "500ms", "-n", 10)
            took = time.monotonic() - began
            until(lambda: server.connections == 5, "the last of them")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(took, 0.4)
        self.assertLess(done.report["seconds"] + 0.4, took)  # which is before the load

    def test_memory_of_a_connection(self):
        with OurServer("--model", "epoll-edge") as server:
            report = bench(f"127.0.0.1:{server.port}", "-c", 50, "-n", 500).report
        self.assertIsNotNone(report["server_memory_bytes_per_connection"])
        self.assertEqual(report["server_pids"], [server.process.pid])

    def test_children_count_into_the_cost(self):
        with OurServer("--model", "process") as server:
            report = bench(f"127.0.0.1:{server.port}", "-c", 5, "-n", 20_000).report
        self.assertGreater(report["server_memory_bytes_per_connection"], 1000)
        self.assertGreater(report["server_cpu_us_per_message"], 0)

    def test_a_process_that_is_named(self):
        with Server() as server:
            report = bench(server.address, "-c", 1, "-n", 10, "--pid", os.getpid()).report
            self.assertEqual(report["server_pids"], [os.getpid()])
            done = bench(server.address, "-c", 1, "-n", 10, "--pid", 2**22 + 1)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no process 4194305", done.stderr)

    @unittest.skipUnless(os.environ.get("HEADRACE_NIGHTLY"), "nightly")
    def test_very_many_connections_from_one_process(self):
        with OurServer("--model", "epoll-edge") as server:
            done = bench(f"127.0.0.1:{server.port}", "-c", 19_500, "-n", 100_000, "--verify",
                         "--timeout", "25s", patience=5 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["connections"], 19_500)
        self.assertEqual(done.report["messages"], 100_000)


class Churn(unittest.TestCase):
    def expect_counts(self, server, sizes):
        done = bench(server.address, "-c", 4, "--churn", 3, "-n", 61, "--verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["messages"], 61)
        self.assertEqual(done.report["connections"], 4)
        self.assertEqual(done.report["connections_opened"], 21)
        self.assertEqual(sorted(filter(None, sizes.values())), [64] + [192] * 20)

    def test_connections_ask_and_are_closed(self):
        with tempfile.TemporaryDirectory() as directory:
            for family, at in ((socket.AF_INET, ("127.0.0.1", 0)),
                               (socket.AF_UNIX, os.path.join(directory, "echo"))):
                sizes = collections.Counter()

                def serve(peer, number, sizes=sizes):
                    for chunk in receive_all(peer):
                        sizes[number] += len(chunk)
                        peer.sendall(chunk)

                with self.subTest(family=family), Server(serve, family, at) as server:
                    self.expect_counts(server, sizes)

    def test_a_time_of_it(self):
        report = {"messages": 0}
        with Server() as server:
            while report["messages"] == 0:  # of a window in which somebody had no turn
                report = bench(server.address, "-c", 3, "--churn", 1, "-d", "500ms").report
        self.assertEqual(report["errors"], 0)
        self.assertGreater(report["connections_per_second"], 0)
        self.assertAlmostEqual(report["connections_per_second"], report["messages"] / 0.5,
                               delta=report["connections_per_second"] * 1e-6)
        self.assertGreater(report["latency_us"]["p50"], 0)

    def test_a_flipped_bit_is_seen(self):
        flip = threading.Lock()

        def serve(peer, number):
            for chunk in receive_all(peer):
                if number > 5 and flip.acquire(blocking=False):
                    chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 2, "--churn", 2, "-n", 100, "--verify")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors_by_kind"], {"corrupt": 1})

    def test_a_server_that_goes_away_ends_it(self):
        """With nobody there any more, what was asked for is not waited for for ever."""
        server = Server()

        def serve(peer, number):
            if number == 5:  # before the answer: nobody else can have come
                server.__exit__()
            echo(peer, number)

        server.serve = serve
        server.__enter__()
        done = bench(server.address, "-c", 1, "--churn", 1, "-n", 1000, "--timeout", "500ms")
        self.assertEqual(done.returncode, 1)
        self.assertGreater(done.report["errors_by_kind"]["refused"], 0)
        self.assertLess(done.report["messages"], 1000)

    def test_what_it_does_not_go_with(self):
        for more in (["--rate", 5], ["--in-flight", 2], ["--active", 1]):
            self.assertEqual(bench("127.0.0.1:9", "--churn", 1, *more).returncode, 2)
        self.assertEqual(bench("udp://127.0.0.1:9", "--churn", 1).returncode, 2)


if __name__ == "__main__":
    unittest.main()
