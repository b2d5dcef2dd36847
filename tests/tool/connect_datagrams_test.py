# SPDX-License-Identifier: MIT
#
# `headrace connect` to datagram sockets: a question and its answer, and what has no answer.
import os
import socket
import tempfile
import threading
import unittest

from _datagrams import deaf_port
from _peers import Client, connect
from _program import PATIENCE, scratch_directory


class Answering:
    """A datagram server that gives each datagram to `answer(data)`, and sends the list it returns.

    A context.
    """

    def __init__(self, answer, family=socket.AF_INET, at=("127.0.0.1", 0)):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(at)
        self.socket.settimeout(PATIENCE)
        self.address = "unix-datagram:" + at if family == socket.AF_UNIX \
            else "udp://[%s]:%d" % self.socket.getsockname()[:2] if family == socket.AF_INET6 \
            else "udp://%s:%d" % self.socket.getsockname()
        self.got = []
        self.clients = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(answer,), daemon=True)
        self._thread.start()

    def _serve(self, answer):
        while True:
            data, client = self.socket.recvfrom(65536)
            if self._end.is_set():
                return
            self.got.append(data)
            self.clients.append(client)
            for reply in answer(data):
                self.socket.sendto(reply, client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.socket.getsockname())
        self._thread.join(PATIENCE)
        self.socket.close()


def echo(data):
    return [data]


class Datagrams(unittest.TestCase):
    def expect_answer(self, server, *arguments, data, answer):
        """Waits so long that only the answer ends it, however late that is: then it is killed. The
        end by itself, which takes as long as --wait, is in the tests without an answer."""
        with Client(server.address, "--wait", f"{PATIENCE:.0f}s", *arguments) as client:
            client.say(data)
            client.end()
            self.assertEqual(client.hear(len(answer)), answer)
            client.process.kill()
            self.assertEqual(client.wait()[1:], (b"", ""))

    def test_one_question_gets_its_answer(self):
        with Answering(echo) as server:
            self.expect_answer(server, data=b"q", answer=b"q")
            self.assertEqual(server.got, [b"q"])

    def test_answers_that_come_late_are_not_lost(self):
        def late(data):
            threading.Event().wait(1.5)  # without --wait it is a second
            return [data, data.upper()]

        with Answering(late) as server:
            self.expect_answer(server, data=b"q", answer=b"qQ")

    def test_it_ends_by_itself_behind_the_answer(self):
        with Answering(echo) as server, Client(server.address, "--wait", "50ms") as client:
            client.say(b"q")
            self.assertEqual(client.hear(1), b"q")
            client.end()
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_no_answer_is_no_failure(self):
        with Answering(lambda data: []) as server:
            self.assertEqual(connect(server.address, "--wait", "50ms", data=b"x"), (0, b"", ""))

    def test_ipv6_and_unix(self):
        with Answering(echo, socket.AF_INET6, ("::1", 0)) as server:
            self.expect_answer(server, data=b"q", answer=b"q")
        with scratch_directory() as directory:
            with Answering(echo, socket.AF_UNIX, os.path.join(directory, "s")) as server:
                self.expect_answer(server, data=b"q", answer=b"q")

    def test_the_largest_passes_and_a_larger_one_is_cut_into_two(self):
        with Answering(lambda data: [b"%d " % len(data)]) as server:
            with scratch_directory() as directory:
                path = os.path.join(directory, "file")
                with open(path, "wb") as file:
                    file.write(b"x" * 65_510)
                with open(path, "rb") as file, \
                        Client(server.address, "--wait", f"{PATIENCE:.0f}s", stdin=file) as client:
                    self.assertEqual(client.hear(8), b"65507 3 ")

    def test_more_than_a_datagram_is_refused(self):
        with Answering(echo) as server, tempfile.TemporaryFile() as file:
            file.write(b"x" * 40_000)
            file.seek(0)  # a pipe may give it in pieces that fit
            with Client(server.address, "--encoding", "utf-16le", stdin=file) as client:
                status, _, err = client.wait()
        self.assertEqual(status, 1)
        self.assertIn("80000 bytes are more than the 65507 of a datagram", err)

    def test_forms(self):
        with Answering(echo) as server:
            text = "你好".encode()
            self.expect_answer(server, "--encoding", "gb2312", data=text, answer=text)
            self.expect_answer(server, "--hex", data=b"00 ff", answer=b"00 ff\n")
            self.assertEqual(server.got, ["你好".encode("gb2312"), b"\x00\xff"])

    def test_a_piece_does_not_end_within_a_character(self):
        """Nor between the digits of a byte, wherever a read ends."""
        text = "a你🙂"
        for cut in range(1, len(text.encode())):
            self.check_pieces(text.encode(), cut, text.encode("utf-16be"), "--encoding", "utf-16be")
        for cut in range(1, 6):
            self.check_pieces(b"00ff0a", cut, b"\x00\xff\x0a", "--hex")

    def check_pieces(self, text, cut, wanted, *form):
        with self.subTest(form=form, cut=cut), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(PATIENCE)
            with Client("udp://127.0.0.1:%d" % udp.getsockname()[1], "--wait", "1ms",
                        *form) as client:
                client.say(text[:cut])
                client.wait_until_all_is_read()
                client.say(text[cut:])
                client.end()
                self.assertEqual(client.wait(), (0, b"", ""))
            got = b""
            while len(got) < len(wanted):
                got += udp.recv(100)
            self.assertEqual(got, wanted)

    def test_what_the_end_of_input_leaves_half_is_said(self):
        with Answering(echo) as server:
            status, _, err = connect(server.address, "--hex", data=b"00 f")
            self.assertEqual(status, 1)
            self.assertIn("only one hexadecimal digit", err)
            status, _, err = connect(server.address, "--wait", "50ms", "--encoding", "gb2312",
                                     data="你".encode()[:2])
            self.assertEqual(status, 0)
            self.assertIn("replaced", err)

    def test_where_nobody_receives(self):
        with deaf_port() as port:
            status, out, err = connect(f"udp://127.0.0.1:{port}", data=b"x")
        self.assertEqual((status, out), (1, b""))
        self.assertRegex(err, r"\Aheadrace: send to udp://127\.0\.0\.1:\d+: connection refused "
                              r"\(\w+\): nobody receives there\n\Z")

    def test_source(self):
        with Answering(echo) as server:
            for source in ("127.0.0.7", ":0"):
                self.expect_answer(server, "--source", source, data=b"q", answer=b"q")
            self.assertEqual([host for host, _ in server.clients], ["127.0.0.7", "127.0.0.1"])
            status, _, err = connect(server.address, "--source", "::1")
            self.assertEqual(status, 1)
            self.assertIn("--source must be of the same family", err)

    def test_a_link_local_address_needs_its_interface(self):
        status, _, err = connect("udp://[fe80::1]:7789")
        self.assertEqual(status, 1)
        self.assertIn("say by which interface", err)

    def test_broadcast_is_for_send(self):
        status, _, err = connect("udp://broadcast:21567")
        self.assertEqual(status, 2)
        self.assertIn("headrace send", err)


if __name__ == "__main__":
    unittest.main()
