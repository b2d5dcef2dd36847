# SPDX-License-Identifier: MIT
"""`headrace bench` against servers that are known: honest ones, and each kind of dishonest one.

They run in this process, so that every byte they get and give is decided here.
"""

import concurrent.futures
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from _bench import SILENCE, SILENCE_SECONDS, bench
from _known_server import Server, receive_all
from _program import PATIENCE, PROGRAM


def altering(alter):
    """An echo that passes one chunk through `alter`: of whoever first has sent 10,000 bytes."""
    chosen = threading.Lock()

    def serve(peer, _number):
        seen = 0
        for chunk in receive_all(peer):
            seen += len(chunk)
            if seen >= 10_000 and chosen.acquire(blocking=False):
                chunk = alter(chunk)
            peer.sendall(chunk)

    return serve


def flip_a_bit(chunk):
    middle = len(chunk) // 2
    return chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1 :]


class HonestServers(unittest.TestCase):
    def expect_clean(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.report["errors"], 0)
        self.assertEqual(done.report["errors_by_kind"], {})
        self.assertEqual(done.stderr, "")

    def test_the_report_has_its_keys_and_they_agree(self):
        with Server() as server:
            done = bench(server.address, "-c", 5, "--size", 100, "-d", "1s", "--verify")
        self.expect_clean(done)
        report = done.report
        self.assertEqual(report["connections"], 5)
        self.assertGreater(report["messages"], 0)
        self.assertAlmostEqual(report["seconds"], 1, delta=1e-6)
        rate = report["messages"] / report["seconds"]
        self.assertAlmostEqual(report["messages_per_second"], rate, delta=rate * 1e-9)
        self.assertAlmostEqual(report["bytes_per_second"], 100 * rate, delta=rate * 1e-6)
        latency = report["latency_us"]
        self.assertEqual(sorted(latency), ["max", "p50", "p90", "p99", "p999", "p9999"])
        order = [latency[key] for key in ("p50", "p90", "p99", "p999", "p9999", "max")]
        self.assertEqual(order, sorted(order))
        self.assertGreater(order[0], 0)

    def test_a_server_of_this_machine_is_found_and_its_cpu_time_told(self):
        with Server() as server:
            report = bench(server.address, "-c", 2, "-d", "1s").report
        self.assertEqual(report["server_pids"], [os.getpid()])
        self.assertGreater(report["server_cpu_us_per_message"], 0)
        self.assertLess(report["server_cpu_us_per_message"] * report["messages"], 20e6)

    def test_every_size_and_depth_comes_back_whole(self):
        with Server() as server:
            for size in (1, 63, 64, 65, 4096, 65521, 65536, 65537, 1_000_003):
                for in_flight in (1, 2, 7):
                    messages = max(20, min(300, 20_000_000 // size // 8))
                    with self.subTest(size=size, in_flight=in_flight):
                        done = bench(server.address, "-c", 3, "--size", size, "--in-flight",
                                     in_flight, "-n", messages, "--verify")
                        self.expect_clean(done)
                        self.assertEqual(done.report["messages"], messages)

    def test_more_in_flight_than_the_kernel_buffers_does_not_deadlock(self):
        with Server() as server:
            done = bench(server.address, "-c", 2, "--size", "8MiB", "--in-flight", 4, "-n", 10,
                         "--verify")
        self.expect_clean(done)

    def test_messages_asked_for_are_the_messages_sent(self):
        received = []

        def serve(peer, _number):
            for chunk in receive_all(peer):
                received.append(len(chunk))
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 7, "--size", 33, "--in-flight", 3, "-n", 1000)
        self.expect_clean(done)
        self.assertEqual(done.report["messages"], 1000)
        self.assertEqual(sum(received), 33 * 1000)

    def test_fewer_messages_than_connections(self):
        with Server() as server:
            done = bench(server.address, "-c", 10, "-n", 3)
        self.expect_clean(done)
        self.assertEqual(done.report["messages"], 3)
        self.assertEqual(done.report["connections_never_answered"], 7)

    def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in (os.path.join(directory, "echo"), f"\0headrace-bench-test-{os.getpid()}"):
                with self.subTest(name=name), Server(family=socket.AF_UNIX, at=name) as server:
                    done = bench(server.address, "-c", 3, "-n", 500, "--verify")
                    self.expect_clean(done)
                    self.assertEqual(done.report["messages"], 500)

    def test_ipv6_and_names(self):
        with Server() as server:
            port = server.listening.getsockname()[1]
            self.expect_clean(bench(f"localhost:{port}", "-c", 3, "-n", 100, "--verify"))
        try:
            server = Server(family=socket.AF_INET6, at=("::1", 0))
        except OSError:
            return  # a machine without IPv6
        with server:
            self.expect_clean(bench(server.address, "-c", 3, "-n", 100, "--verify"))

    def test_latency_is_at_least_what_the_server_takes(self):
        def serve(peer, _number):
            for chunk in receive_all(peer):
                threading.Event().wait(0.05)
                peer.sendall(chunk)

        with Server(serve) as server:
            report = bench(server.address, "-c", 2, "-d", "1s").report
        self.assertGreaterEqual(report["latency_us"]["p50"], 50_000)
        self.assertLessEqual(report["messages"], 2 * 20)

    def test_a_server_that_takes_one_at_a_time_leaves_the_others_waiting(self):
        with Server(at_once=False) as server:
            done = bench(server.address, "-c", 4, "-d", "1s")
        self.expect_clean(done)
        self.assertEqual(done.report["connections"], 4)
        self.assertEqual(done.report["connections_never_answered"], 3)

    def test_a_server_that_takes_one_at_a_time_answers_all_that_is_asked_for(self):
        """Who is served takes over what is left, then makes way for the next."""
        for messages in (3, 200):  # fewer than connections, and more
            with self.subTest(messages=messages), Server(at_once=False) as server:
                done = bench(server.address, "-c", 8, "-n", messages)
                self.expect_clean(done)
                self.assertEqual(done.report["messages"], messages)

    def test_waits_for_a_server_that_is_just_starting(self):
        server = Server()  # bound, so that the port is ours, but not listening: refused
        late = threading.Timer(0.3, server.__enter__)
        late.start()
        self.expect_clean(bench(server.address, "-c", 3, "-n", 30))
        late.join()
        server.__exit__()

    def test_an_interrupt_ends_early_with_the_report_so_far(self):
        answered = threading.Event()

        def serve(peer, _number):
            for chunk in receive_all(peer):
                peer.sendall(chunk)
                answered.set()

        with Server(serve) as server:
            command = [PROGRAM, "bench", server.address, "-c", "2", "-d", "10m", "--json"]
            running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self.assertTrue(answered.wait(PATIENCE))
            running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=PATIENCE)
        self.assertEqual(running.returncode, 0)
        report = json.loads(output)
        self.assertTrue(report["interrupted"])
        self.assertLess(report["seconds"], PATIENCE)
        self.assertEqual(report["errors"], 0)

    def test_people_get_a_table(self):
        with Server() as server:
            command = [PROGRAM, "bench", server.address, "-c", "1", "-n", "10"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0)
        self.assertIn("p99.9", done.stdout)
        self.assertRegex(done.stdout, r"\nerrors +none\n$")


class DishonestServers(unittest.TestCase):
    def expect_problems(self, done, **kinds):
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors_by_kind"], kinds)
        self.assertEqual(done.report["errors"], sum(kinds.values()))
        self.assertIn("headrace: ", done.stderr)

    def test_a_flipped_bit_is_seen_when_every_byte_is_looked_at(self):
        with Server(altering(flip_a_bit)) as server:
            done = bench(server.address, "-c", 3, "-n", 2000, "--in-flight", 4, "--verify")
            self.expect_problems(done, corrupt=1)
            self.assertEqual(done.report["messages"], 2000)
            self.assertRegex(done.stderr, r"connection [123], byte \d+ of its stream: sent 0x")

    def test_a_flipped_bit_in_a_big_message_is_one_error(self):
        with Server(altering(flip_a_bit)) as server:
            done = bench(server.address, "-c", 1, "-n", 3, "--size", "1MiB", "--verify")
            self.expect_problems(done, corrupt=1)

    def test_a_repeated_byte_is_surplus(self):
        with Server(altering(lambda chunk: chunk + chunk[-1:])) as server:
            done = bench(server.address, "-c", 3, "-n", 2000)
            self.expect_problems(done, surplus=1)

    def test_a_repeated_message_is_not_the_next_one(self):
        def serve(peer, _number):
            first = None
            for chunk in receive_all(peer):
                first = first or chunk
                peer.sendall(first)

        with Server(serve) as server:
            done = bench(server.address, "-c", 1, "-n", 100, "--verify")
            self.expect_problems(done, corrupt=99)

    def test_the_answer_of_another_connection_is_noticed(self):
        meeting = threading.Barrier(2, timeout=PATIENCE)
        asked = [None, None]

        def serve(peer, number):
            for chunk in receive_all(peer):
                asked[number] = chunk
                meeting.wait()
                peer.sendall(asked[1 - number])
                meeting.wait()

        with Server(serve) as server:
            done = bench(server.address, "-c", 2, "-n", 100, "--verify")
            self.expect_problems(done, corrupt=100)

    def test_a_reset_is_counted_and_the_others_go_on(self):
        chosen = threading.Lock()

        def serve(peer, _number):
            seen = 0
            for chunk in receive_all(peer):
                seen += len(chunk)
                if seen > 1000 and chosen.acquire(blocking=False):
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                peer.sendall(chunk)

        with Server(serve) as server:
            done = bench(server.address, "-c", 4, "-n", 5000)
            self.expect_problems(done, reset=1)
            self.assertGreaterEqual(done.report["messages"], 4999)

    def test_a_server_that_closes_is_counted(self):
        gone = threading.Event()  # the others must not do all the work before

        def serve(peer, number):
            for chunk in receive_all(peer):
                if number != 1:
                    gone.wait(PATIENCE)
                peer.sendall(chunk)
                if number == 1:
                    peer.shutdown(socket.SHUT_RDWR)
                    gone.set()
                    return

        with Server(serve) as server:
            done = bench(server.address, "-c", 3, "-n", 500, "--in-flight", 1)
        self.assertEqual(done.returncode, 1)
        kinds = done.report["errors_by_kind"]
        self.assertEqual(kinds.get("closed", 0) + kinds.get("reset", 0), 1)

    def test_a_run_whose_last_connection_ends_is_over(self):
        with Server(lambda peer, _number: peer.recv(1)) as server:
            began = time.monotonic()
            done = bench(server.address, "-c", 3, "-d", "10m")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.report["errors"], 3)
        self.assertEqual(done.report["messages"], 0)
        self.assertLess(time.monotonic() - began, PATIENCE)


class Silence(unittest.TestCase):
    """Answers that do not come: all of this at the same time, since bench waits for them."""

    expect_problems = DishonestServers.expect_problems

    def test_of_every_kind_is_counted(self):
        kinds = (self.a_lost_byte_is_missed_even_without_looking,
                 self.a_lost_byte_shifts_all_that_follow,
                 self.silence_is_missing_answers,
                 self.messages_that_are_asked_for_and_not_answered_are_missing,
                 self.late_answers_are_missing_too,
                 self.the_table_without_answers)
        with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            for kind, running in [(kind, pool.submit(kind)) for kind in kinds]:
                with self.subTest(kind.__name__):
                    running.result()

    def a_lost_byte_is_missed_even_without_looking(self):
        with Server(altering(lambda chunk: chunk[1:])) as server:
            done = bench(server.address, "-c", 3, "-n", 2000, "--timeout", SILENCE)
            self.expect_problems(done, missing=1)

    def a_lost_byte_shifts_all_that_follow(self):
        with Server(altering(lambda chunk: chunk[1:])) as server:
            done = bench(server.address, "-c", 1, "-n", 400, "--in-flight", 8, "--verify",
                         "--timeout", SILENCE)
        self.assertEqual(done.returncode, 1)
        self.assertGreater(done.report["errors_by_kind"]["corrupt"], 200)
        self.assertGreater(done.report["errors_by_kind"]["missing"], 0)

    def silence_is_missing_answers(self):
        with Server(lambda peer, _number: list(receive_all(peer))) as server:
            done = bench(server.address, "-c", 3, "--in-flight", 2, "-d", "1s",
                         "--timeout", SILENCE)
            self.expect_problems(done, missing=6)
            self.assertIsNone(done.report["server_cpu_us_per_message"])
            self.assertEqual(set(done.report["latency_us"].values()), {None})

    def messages_that_are_asked_for_and_not_answered_are_missing(self):
        """And the wait for them is no part of the rate."""
        def serve(peer, number):
            for chunk in receive_all(peer):
                if number > 0:
                    peer.sendall(chunk)

        with Server(serve) as server:
            began = time.monotonic()
            done = bench(server.address, "-c", 3, "-n", 500, "--timeout", SILENCE)
            took = time.monotonic() - began
        self.expect_problems(done, missing=1)
        self.assertEqual(done.report["messages"], 499)
        self.assertEqual(done.report["connections_never_answered"], 1)
        self.assertLess(done.report["seconds"] + SILENCE_SECONDS, took)
        self.assertRegex(done.stderr, "errors: 1 missing; 499 of 500 messages were answered\n$")

    def late_answers_are_missing_too(self):
        """What comes when bench has given up, which the server sees by the end of the stream."""
        late = queue.Queue()

        def serve(peer, _number):
            questions = b"".join(receive_all(peer))
            late.put(len(questions))
            peer.sendall(questions)

        with Server(serve) as server:
            done = bench(server.address, "-c", 2, "-n", 10, "--timeout", SILENCE)
        self.expect_problems(done, missing=2)
        self.assertEqual([late.get(timeout=PATIENCE) for _ in range(2)], [64, 64])

    def the_table_without_answers(self):
        with Server(lambda peer, _number: list(receive_all(peer))) as server:
            done = subprocess.run([PROGRAM, "bench", server.address, "-c", "2", "-n", "9",
                                   "--timeout", SILENCE],
                                  capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\nlatency +unknown: no message was answered")
        self.assertRegex(done.stdout, r"\nerrors +2 missing\n$")


if __name__ == "__main__":
    unittest.main()
