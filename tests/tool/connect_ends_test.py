# SPDX-License-Identifier: MIT
#
# How a conversation of `headrace connect` ends: one test for each way, among them those that nc,
# ncat and socat get wrong.
import contextlib
import os
import signal
import socket
import tempfile
import threading
import time
import unittest

from _peers import Client, Peer, connect, receive_to_end, reset
from _program import PATIENCE, scratch_directory


class EndOfInput(unittest.TestCase):
    def test_an_answer_that_comes_late_is_not_lost(self):
        def answer_late(peer):
            question = receive_to_end(peer)
            threading.Event().wait(1.5)  # the lateness itself
            peer.sendall(b"answer to " + question)

        with Peer(answer_late) as peer:
            self.assertEqual(connect(peer.address, data=b"q\n"), (0, b"answer to q\n", ""))

    def test_the_peer_is_heard_to_its_end_behind_ours(self):
        data = os.urandom(3_000_000)
        with Peer(lambda peer: peer.sendall(receive_to_end(peer))) as peer:
            self.assertEqual(connect(peer.address, data=data), (0, data, ""))

    def test_a_silent_peer_is_given_up_and_that_is_said(self):
        over = threading.Event()

        def say_half(peer):
            peer.sendall(b"half an ans")
            over.wait(PATIENCE)

        with Peer(say_half) as peer, Client(peer.address, "--linger", "200ms") as client:
            self.assertEqual(client.hear(11), b"half an ans")
            client.end()
            status, out, err = client.wait()
            over.set()
        self.assertEqual((status, out), (1, b""))
        self.assertRegex(err, r"\Aheadrace: tcp://127\.0\.0\.1:\d+: .*200ms.*--linger.*cut\n\Z")

    def test_silence_counts_from_the_last_byte(self):
        def talk_slowly(peer):
            receive_to_end(peer)
            for _ in range(6):
                threading.Event().wait(0.5)
                peer.sendall(b".")

        with Peer(talk_slowly) as peer:  # longer than --linger as a whole
            self.assertEqual(connect(peer.address, "--linger", "2500ms"), (0, b"......", ""))

    def test_silence_before_the_end_of_input_is_no_matter(self):
        with Peer(lambda peer: peer.sendall(peer.recv(100))) as peer, \
                Client(peer.address, "--linger", "200ms") as client:
            threading.Event().wait(0.5)
            client.say(b"still there?")
            self.assertEqual(client.wait(), (0, b"still there?", ""))

    def test_a_slow_reader_of_ours_is_not_the_peers_silence(self):
        data = os.urandom(400_000)
        with Peer(lambda peer: peer.sendall(data)) as peer:
            with Client(peer.address, "--linger", "200ms") as client:
                heard = client.hear(1)
                peer.wait()  # all of it is in the kernel, and the FIN
                client.end()
                threading.Event().wait(0.6)  # its pipe is full meanwhile
                heard += client.hear(len(data))
                self.assertEqual(heard, data)
                self.assertEqual(client.wait(), (0, b"", ""))

    def test_linger_never_waits_as_long_as_it_takes(self):
        def answer_late(peer):
            receive_to_end(peer)
            threading.Event().wait(0.5)
            peer.sendall(b"late")

        with Peer(answer_late) as peer:
            self.assertEqual(connect(peer.address, "--linger", "never"), (0, b"late", ""))

    def test_a_closed_stdin_is_an_end_of_input(self):
        with Peer(lambda peer: peer.sendall(b"got " + receive_to_end(peer))) as peer:
            with Client(peer.address, stdin=None, preexec_fn=lambda: os.close(0)) as client:
                self.assertEqual(client.wait(), (0, b"got ", ""))


class EndOfPeer(unittest.TestCase):
    def test_it_ends_at_once_though_stdin_is_open(self):
        with Peer(lambda peer: peer.sendall(b"bye\n")) as peer, Client(peer.address) as client:
            self.assertEqual(client.wait(), (0, b"bye\n", ""))

    def test_everything_it_said_is_written_first(self):
        data = os.urandom(5_000_000)
        with Peer(lambda peer: peer.sendall(data)) as peer, Client(peer.address) as client:
            self.assertEqual(client.hear(len(data)), data)
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_one_that_still_reads_gets_the_whole_input(self):
        data = os.urandom(30_000_000)
        got = []

        def sink(peer):
            peer.shutdown(socket.SHUT_WR)
            got.append(receive_to_end(peer))

        # From a file: a pipe whose writer is held up for a moment has nothing more to say.
        with tempfile.TemporaryFile() as file, Peer(sink) as peer:
            file.write(data)
            file.seek(0)
            with Client(peer.address, stdin=file) as client:
                self.assertEqual(client.wait(), (0, b"", ""))
        self.assertTrue(got[0] == data)

    def test_input_that_begins_a_little_behind_its_end_is_not_lost(self):
        for _ in range(20):
            got, ended = [], threading.Event()

            def sink(peer):
                peer.shutdown(socket.SHUT_WR)
                ended.set()
                got.append(receive_to_end(peer))

            with Peer(sink) as peer, Client(peer.address) as client:
                ended.wait(PATIENCE)
                since = time.monotonic()
                threading.Event().wait(0.05)  # the lateness itself
                with contextlib.suppress(BrokenPipeError):
                    client.say(b"a little late")
                late = time.monotonic() - since
                client.wait()
            if got == [b"a little late"]:
                return
            self.assertGreater(late, 0.15, "it was in time")  # we were held up: once more
        self.fail("held up 20 times")

    def test_input_that_it_does_not_take_is_said(self):
        over = threading.Event()

        def end_early(peer):
            peer.shutdown(socket.SHUT_WR)
            over.wait(PATIENCE)

        with Peer(end_early) as peer, open("/dev/zero", "rb") as endless:
            with Client(peer.address, "--linger", "300ms", stdin=endless) as client:
                status, out, err = client.wait()
                over.set()
        self.assertEqual((status, out), (1, b""))
        self.assertIn("input is left unsent", err)

    def test_one_that_is_gone_with_input_left_is_a_failure(self):
        with Peer(lambda peer: peer.recv(1)) as peer, open("/dev/zero", "rb") as endless:
            with Client(peer.address, stdin=endless) as client:
                status, _, err = client.wait()
        self.assertEqual(status, 1)
        self.assertRegex(err, "reset by the peer|already closed")

    def test_what_is_under_way_still_arrives(self):
        data = os.urandom(100_000)  # one piece
        got = []

        def end_then_read(peer):
            got.append(peer.recv(1))
            peer.shutdown(socket.SHUT_WR)
            got.append(receive_to_end(peer))

        with Peer(end_then_read) as peer, Client(peer.address) as client:
            client.process.stdin.write(data[:60_000])
            status, out, _ = client.wait()
        self.assertEqual((status, out), (0, b""))
        self.assertEqual(b"".join(got), data[:60_000])

    def test_a_reset_is_a_failure(self):
        with Peer(reset) as peer, Client(peer.address) as client:
            status, _, err = client.wait()
        self.assertEqual(status, 1)
        self.assertIn("connection reset by the peer", err)

    def test_a_peer_that_takes_nothing_more_is_a_failure(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "s")
            with Peer(lambda peer: peer.shutdown(socket.SHUT_RD), socket.AF_UNIX, path) as peer, \
                    open("/dev/zero", "rb") as endless:
                status, _, err = self.ended(Client(peer.address, stdin=endless))
        self.assertEqual(status, 1)
        self.assertTrue(err.startswith("headrace: unix:"), err)

    @staticmethod
    def ended(client):
        with client:
            return client.wait()


class EndOfOutput(unittest.TestCase):
    def test_a_reader_who_leaves_ends_it(self):
        over = threading.Event()

        def talk(peer):
            try:
                while not over.is_set():
                    peer.sendall(b"y" * 65536)
            except ConnectionError:
                pass

        with Peer(talk) as peer, Client(peer.address) as client:
            client.hear(10)
            client.process.stdout.close()
            client.process.stdout = None
            status, _, err = client.wait()
            over.set()
        self.assertEqual(status, 1)
        self.assertEqual(err, "headrace: write to stdout: nobody reads it any more\n")

    def test_a_full_disk_is_a_failure(self):
        with Peer(lambda peer: peer.sendall(b"x")) as peer, open("/dev/full", "wb") as full:
            with Client(peer.address, stdout=full) as client:
                status, _, err = client.wait()
        self.assertEqual(status, 1)
        self.assertIn("write to stdout: No space left on device", err)

    def test_ctrl_c_ends_it(self):
        over = threading.Event()

        def greet(peer):
            peer.sendall(b"!")
            over.wait(PATIENCE)

        with Peer(greet) as peer, Client(peer.address) as client:
            client.hear(1)
            client.process.send_signal(signal.SIGINT)
            self.assertEqual(client.process.wait(PATIENCE), -signal.SIGINT)
            over.set()


if __name__ == "__main__":
    unittest.main()
