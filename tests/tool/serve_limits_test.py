# SPDX-License-Identifier: MIT
#
# Limits and the end: who is refused, who is idle too long, and what SIGTERM does to those still
# there.
import contextlib
import resource
import signal
import time
import unittest

from _program import Server, ask, built_models, clog, is_closed, is_sanitized

CONCURRENT = [model for model in built_models() if model != "iterative"]


class Limits(unittest.TestCase):
    def test_max_connections_refuses_the_next(self):
        for model in CONCURRENT:
            with self.subTest(model), Server("--max-connections", "1", "--model", model) as server:
                with server.connect() as first:
                    self.assertEqual(ask(first, b"hello"), b"hello")
                    with server.connect() as second:
                        self.assertTrue(is_closed(second))
                    server.wait_for(r"\Arefused tcp://127\.0\.0\.1:\d+: "
                                    r"--max-connections reached\Z")
                    self.assertEqual(ask(first, b"still here"), b"still here")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(server.lines[-1],
                                 "1 refused, 0 timed out, 0 reset, 0 cut by the drain")

    @unittest.skipIf(is_sanitized(), "a sanitizer needs descriptors, too")
    def test_without_a_limit_nobody_is_refused_but_waits(self):
        few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))}
        for model in ("thread", "epoll-edge"):
            arguments = ("--max-connections", "none", "--log-format", "json", "--model", model)
            with self.subTest(model), Server(*arguments, **few) as server:
                peers = [server.connect() for _ in range(220)]
                server.wait_for('"accept_paused"')
                for peer in peers:  # whoever leaves makes room for one who waits
                    self.assertEqual(ask(peer, b"hello"), b"hello")
                    peer.close()
                self.assertEqual(server.stop(), 0)
                total = server.objects("stopped")[0]
                self.assertEqual((total["connections"], total["refused"]), (220, 0))
                self.assertGreater(total["most_at_once"], 200 - 64)

    def test_max_per_address_refuses_the_next(self):
        with Server("--max-per-address", "1", "--log-format", "json") as server:
            with server.connect() as first:
                self.assertEqual(ask(first, b"hello"), b"hello")
                with server.connect() as second:
                    self.assertTrue(is_closed(second))
                server.wait_for('"refused","peer"')
                self.assertEqual(server.objects("refused")[0]["why"], "max_per_address")

    def test_a_flood_of_refused_peers_is_no_flood_of_lines(self):
        with Server("--max-connections", "1", "--log-format", "json") as server:
            with server.connect() as first:
                ask(first, b"hello")
                began = time.monotonic()
                for _ in range(200):
                    with server.connect() as other:
                        self.assertTrue(is_closed(other))
            self.assertEqual(server.stop(), 0)
            seconds = time.monotonic() - began
            self.assertLessEqual(len(server.objects("refused")), seconds + 1)
            self.assertEqual(server.objects("stopped")[0]["refused"], 200)

    def test_select_refuses_whom_it_cannot_watch(self):
        if "select" not in built_models():
            return  # see there
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.skipTest("needs 4096 descriptors: ulimit -Hn")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with Server("-v", "--model", "select") as server, contextlib.ExitStack() as clients:
            first = clients.enter_context(server.connect())
            served = 0
            for _ in range(1100):  # more than there are bits
                peer = clients.enter_context(server.connect())
                try:
                    served += ask(peer, b"?") == b"?"
                except OSError:
                    pass
            self.assertGreater(served, 900)
            self.assertLess(served, 1024)
            server.wait_for(r"\Arefused tcp://127\.0\.0\.1:\d+: select cannot watch a descriptor "
                            r"beyond 1023; another --model can\Z")
            self.assertEqual(ask(first, b"still here"), b"still here")
            clients.close()
            server.wait_for(" departed ")
            with server.connect() as newcomer:  # there is room again
                self.assertEqual(ask(newcomer, b"hello"), b"hello")
            self.assertEqual(server.stop(), 0)
            self.assertTrue(server.lines[-1].startswith(f"{1100 - served} refused"))

    def test_idle_timeout_closes_only_the_idle_one(self):
        for model in CONCURRENT:
            with self.subTest(model):
                self.assertTrue(any(self.only_the_idle_one_is_closed(model, seconds)
                                    for seconds in (1, 2, 4, 8)), "somebody is held up every time")

    def only_the_idle_one_is_closed(self, model, seconds):
        """False if that cannot be told: the scheduler has held up the busy one or the server for so
        long that the busy one may have been idle, too."""
        arguments = ("-v", "--idle-timeout", f"{seconds}s", "--model", model)
        with Server(*arguments) as server, contextlib.ExitStack() as clients:
            began = time.monotonic()
            idle, busy = (clients.enter_context(server.connect()) for _ in range(2))
            talk = Talk(busy, seconds, since=began)
            ask(idle, b"once")
            while not any("departed" in line for line in server.lines):
                if not talk.goes_on():
                    return False
            self.assertGreaterEqual(time.monotonic() - began, seconds)
            self.assertTrue(is_closed(idle))
            self.assertIn("departed (timed out)", server.wait_for("departed"))
            if not talk.goes_on():
                return False
            busy.close()
            with server.connect() as newcomer:  # waiting for clients is not idling
                self.assertEqual(ask(newcomer, b"hello"), b"hello")
            self.assertEqual(server.stop(), 0)
            self.assertIn(" 1 timed out,", server.lines[-1])
        return True


class Talk:
    """Questions and answers, one after another, and how long the server may have heard nothing."""

    def __init__(self, peer, longest, since):
        self.peer, self.longest, self.asked = peer, longest, since

    def goes_on(self):
        """One more; False when it was more than `longest` between two questions. Else it must have
        been answered."""
        before, self.asked = self.asked, time.monotonic()
        try:
            answer = ask(self.peer, b"again")
        except ConnectionError:
            answer = b""
        if time.monotonic() - before > self.longest:
            return False
        if answer != b"again":
            raise AssertionError("closed, though it was not idle")
        return True


class Stopping(unittest.TestCase):
    def test_a_signal_ends_an_empty_server_with_a_summary(self):
        for model in built_models():
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(model=model, signal=number), Server("--model", model) as server:
                    self.assertEqual(server.stop(number), 0)
                    self.assertIn("draining: 0 connections open, at most 5s", server.lines)
                    self.assertTrue(server.lines[-3].startswith("stopped after "))

    def test_idle_clients_get_the_end_of_the_stream(self):
        for model in built_models():
            with self.subTest(model), Server("--model", model) as server, server.connect() as peer:
                self.assertEqual(ask(peer, b"hello"), b"hello")
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(peer.recv(1), b"")
                peer.close()
                self.assertEqual(server.wait(), 0)
                self.assertIn("draining: 1 connection open, at most 5s", server.lines)
                self.assertIn(" 0 cut by the drain", server.lines[-1])

    def test_a_stuck_client_is_cut_and_counted(self):
        for model in built_models():
            arguments = ("--model", model, "--drain", "300ms", "--log-format", "json")
            with self.subTest(model), Server(*arguments) as server, server.connect() as peer:
                clog(peer, server)
                began = time.monotonic()
                self.assertEqual(server.stop(), 0)
                self.assertGreaterEqual(time.monotonic() - began, 0.3)
                self.assertEqual(server.objects("draining")[0]["at_most_seconds"], 0.3)
                total = server.objects("stopped")[0]
                self.assertEqual((total["connections"], total["cut"]), (1, 1))

    def test_a_second_signal_ends_at_once(self):
        with Server("--drain", "1h") as server, server.connect() as peer:
            clog(peer, server)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("draining: 1 connection open, at most 1h")
            self.assertEqual(server.stop(), 0)
            self.assertIn(" 1 cut by the drain", server.lines[-1])


if __name__ == "__main__":
    unittest.main()
