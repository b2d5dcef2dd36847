# SPDX-License-Identifier: MIT
#
# What a server says: where it listens, who comes and goes with `-v`, counts, and the summary; as
# text and as JSON.
import datetime
import json
import os
import pty
import re
import signal
import socket
import subprocess
import unittest

from _program import (ANY_PORT, PATIENCE, PROGRAM, Server, ask, built_models, connect_when_there,
                      is_closed, scratch_directory, shown_on)

HARMFUL = b"\x1b[31mred\xe2\x80\xaeevil\x07\xff\n"
HARMLESS = r"\x1b[31mred\u{202E}evil\x07\xff\n"
PEER = r"tcp://127\.0\.0\.1:\d+"


def workers_of(model):
    return {"iterative": "", "process": "", "thread": "", "prefork": ", 32 workers",
            "pool": ", 32 workers"}.get(model, ", 1 worker")


class Listening(unittest.TestCase):
    def test_line_of_every_model(self):
        for model in built_models():
            with self.subTest(model), Server("--model", model) as server:
                self.assertRegex(server.listening[0],
                                 rf"\Alistening on {PEER} \(model {model}{workers_of(model)}, "
                                 r"backlog \d+\)\Z")
                with server.connect() as peer:
                    self.assertEqual(ask(peer, b"hello"), b"hello")

    def test_line_has_the_number_of_workers_and_the_backlog(self):
        with Server("--workers", "2", "--backlog", "16") as server:
            self.assertIn("(model epoll-edge, 2 workers, backlog 16)", server.listening[0])
        with Server("--workers", "1") as server:
            self.assertIn("(model epoll-edge, 1 worker, backlog ", server.listening[0])

    def test_tcp_and_unix_at_once(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "echo.sock")
            with Server(listen=(ANY_PORT, "unix:" + path)) as server:
                self.assertTrue(server.listening[1].startswith(f"listening on unix:{path} (model "))
                with server.connect() as peer, socket.socket(socket.AF_UNIX) as local:
                    local.settimeout(PATIENCE)
                    local.connect(path)
                    self.assertEqual(ask(peer, b"over TCP"), b"over TCP")
                    self.assertEqual(ask(local, b"over a path"), b"over a path")
                self.assertEqual(server.stop(), 0)
            self.assertFalse(os.path.exists(path))


class Verbose(unittest.TestCase):
    def test_a_line_for_each_arrival_message_and_departure(self):
        for model in built_models():
            with self.subTest(model), Server("-v", "--model", model) as server:
                with server.connect() as peer:
                    name = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
                    self.assertEqual(ask(peer, b"hello\n"), b"hello\n")
                    self.assertEqual(ask(peer, b"again"), b"again")
                server.wait_for("departed")
                said = [line for line in server.lines if line.startswith("#1 ")]
                self.assertEqual(said[:3], [f"#1 {name} arrived", r"#1 recv 6 bytes: hello\n",
                                            "#1 recv 5 bytes: again"])
                self.assertRegex(said[3], rf"\A#1 {re.escape(name)} departed after [\d.]+ [mu]?s: "
                                          r"2 messages, 11 B in, 11 B out\Z")
                self.assertEqual(len(said), 4)

    def test_a_unix_client_without_a_name(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "echo.sock")
            with Server("-v", listen=("unix:" + path,)) as server:
                connect_when_there(path).close()
                self.assertEqual(server.wait_for("arrived"), "#1 unix:(unnamed) arrived")

    def test_a_peer_cannot_steer_the_terminal(self):
        with Server("-v") as server, server.connect() as peer:
            self.assertEqual(ask(peer, HARMFUL), HARMFUL)
            self.assertEqual(server.wait_for("recv"), f"#1 recv {len(HARMFUL)} bytes: {HARMLESS}")
            self.assertNotIn(b"\x1b", server.raw)
            self.assertNotIn("\u202e".encode(), server.raw)

    def test_a_line_is_cut_to_the_screen(self):
        with Server("-v") as server, server.connect() as peer:
            ask(peer, b"x" * 300)
            line = server.wait_for("recv")
            self.assertTrue(line.endswith("x…"), line)
            self.assertEqual(len(line), 80)

    def test_without_it_peers_come_and_go_in_silence(self):
        with Server() as server:
            with server.connect() as peer:
                ask(peer, b"hello")
            self.assertEqual(server.stop(), 0)
            self.assertNotIn("#1", server.raw.decode())


class Json(unittest.TestCase):
    def test_every_line_is_an_object_with_time_level_and_event(self):
        with Server("-v", "--log-format", "json") as server:
            with server.connect() as peer:
                ask(peer, HARMFUL)
            server.wait_for('"departed"')
            self.assertEqual(server.stop(), 0)
            for line in server.objects():
                self.assertEqual(list(line)[:3], ["time", "level", "event"])
                self.assertTrue(line["time"].endswith("Z"))
                datetime.datetime.fromisoformat(line["time"][:-1])
            self.assertEqual([line["event"] for line in server.objects()],
                             ["listening", "arrived", "message", "departed", "draining", "stopped"])
            self.assertEqual(server.objects("message")[0]["text"], HARMLESS)
            self.assertEqual(server.objects("departed")[0]["how"], "finished")
            self.assertNotIn(b"\x1b", server.raw)

    def test_listening(self):
        with Server("--log-format", "json", "--backlog", "7") as server:
            line = server.objects("listening")[0]
            self.assertRegex(line["address"], rf"\A{PEER}\Z")
            self.assertEqual((line["model"], line["workers"], line["backlog"]),
                             ("epoll-edge", 1, 7))

    def test_failure(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            address = f"tcp://127.0.0.1:{port}"
            with Server("--log-format", "json", listen=(address,), awaited=0) as server:
                self.assertEqual(server.wait(), 1)
                line = server.objects("failed")[0]
                self.assertEqual(line["level"], "error")
                self.assertIn(f"(pid {os.getpid()})", line["message"])


class Summary(unittest.TestCase):
    def test_is_exact_under_every_model(self):
        for model in built_models():
            with self.subTest(model), Server("--log-format", "json", "--model", model) as server:
                self.visit(server)
                self.assertEqual(server.stop(), 0)
                total = server.objects("stopped")[0]
                expected = {"connections": 3, "most_at_once": 1 if model == "iterative" else 3,
                            "messages": 6, "bytes_received": 3 * 1007, "bytes_sent": 3 * 1007,
                            "open": 0, "refused": 0, "timed_out": 0, "reset": 0, "cut": 0}
                self.assertEqual({key: total[key] for key in expected}, expected)
                self.assertGreater(total["seconds"], 0)

    def visit(self, server):
        """Three clients, at once where the model can do that, two messages each."""
        peers = [server.connect() for _ in range(3)]
        for peer in peers:
            self.assertEqual(ask(peer, b"1234567"), b"1234567")
            if server.objects("listening")[0]["model"] == "iterative":
                self.finish(peer)
        if server.objects("listening")[0]["model"] != "iterative":
            for peer in peers:
                self.finish(peer)

    def finish(self, peer):
        self.assertEqual(ask(peer, b"y" * 1000), b"y" * 1000)
        peer.shutdown(socket.SHUT_WR)
        self.assertTrue(is_closed(peer))
        peer.close()

    def test_as_text(self):
        with Server() as server:
            with server.connect() as peer:
                ask(peer, b"hello")
                peer.shutdown(socket.SHUT_WR)
                self.assertTrue(is_closed(peer))
            self.assertEqual(server.stop(signal.SIGINT), 0)
            first, second, third = server.lines[-3:]
            self.assertRegex(first, r"\Astopped after \d[\d.]* (us|ms|s): "
                                    r"1 connection, at most 1 at once\Z")
            self.assertEqual(second, "1 message, 5 B in, 5 B out")
            self.assertEqual(third, "0 refused, 0 timed out, 0 reset, 0 cut by the drain")

    def test_counts_a_reset(self):
        with Server("-v", "--log-format", "json") as server:
            peer = server.connect()
            ask(peer, b"hello")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()  # sends RST
            server.wait_for('"departed"')
            self.assertEqual(server.objects("departed")[0]["how"], "reset")
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.objects("stopped")[0]["reset"], 1)


class Statistics(unittest.TestCase):
    def test_come_as_often_as_asked(self):
        with Server("--stats", "50ms") as server, server.connect() as peer:
            ask(peer, b"hello")
            server.wait_for(  # the first may be of the time between the message and its answer
                r"\Astats: 1 open, 1 connection, 1 message, 5 B in, 5 B out, 0 refused\Z")
            server.wait_for("stats:", 3)

    def test_as_json(self):
        with Server("--stats", "50ms", "--log-format", "json") as server, server.connect() as peer:
            ask(peer, b"hello")
            line = json.loads(server.wait_for(
                r'"statistics"(?=.*"messages":1,)(?=.*"bytes_sent":5\b)'))
            self.assertEqual((line["open"], line["bytes_received"], line["bytes_sent"]), (1, 5, 5))

    def test_takes_plain_seconds(self):
        with Server("--stats", "1") as server:
            server.wait_for("stats: 0 open, 0 connections,")


class Colour(unittest.TestCase):
    def said_on_a_terminal(self, **environment):
        """What a failing server writes to a terminal."""
        ours, theirs = pty.openpty()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "tcp://127.0.0.1:%d" % taken.getsockname()[1]
            variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
            done = subprocess.run([PROGRAM, "serve", "echo", "--listen", address], stderr=theirs,
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                                  env={**variables, "TERM": "xterm", **environment})
        os.close(theirs)
        said = shown_on(ours)
        os.close(ours)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"headrace: listen on", said)
        return said

    def test_is_for_terminals_and_never_with_no_color(self):
        self.assertIn(b"\x1b[31m", self.said_on_a_terminal())
        self.assertNotIn(b"\x1b", self.said_on_a_terminal(NO_COLOR="1"))
        self.assertNotIn(b"\x1b", self.said_on_a_terminal(TERM="dumb"))


if __name__ == "__main__":
    unittest.main()
