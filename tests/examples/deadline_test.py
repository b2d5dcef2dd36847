# SPDX-License-Identifier: MIT
#
# examples/deadline.cpp: who answers plays; who is silent, or answers byte by byte, is sent away.
import contextlib
import socket
import time
import unittest

from _example import ANY_PORT, PATIENCE, Example, receive_until, receive_until_end, run

LONG = str(int(PATIENCE * 1000))
QUESTION = b"guess a number\n"


class Deadline(unittest.TestCase):
    def test_who_answers_plays(self):
        with Example("deadline", ANY_PORT, LONG) as example, example.connect() as peer:
            self.assertEqual(receive_until(peer, b"\n"), QUESTION)
            for guess, answer in ((b"10\n", b"more\n"), (b"99\n", b"less\n"), (b"41\n", b"more\n")):
                peer.sendall(guess)
                self.assertEqual(receive_until(peer, b"\n"), answer)
            peer.sendall(b"4")
            peer.sendall(b"2\n")
            self.assertEqual(receive_until_end(peer), b"yes\n")
            self.assertEqual(example.stop(), 0)

    def test_lines_that_come_together_are_answered_one_by_one(self):
        with Example("deadline", ANY_PORT, LONG) as example, example.connect() as peer:
            peer.sendall(b"1\n99\n4")
            for answer in (QUESTION, b"more\n", b"less\n"):
                self.assertEqual(peer.recv(len(answer), socket.MSG_WAITALL), answer)
            peer.sendall(b"2\n")
            self.assertEqual(receive_until_end(peer), b"yes\n")

    def test_a_patience_that_is_no_number_is_wrong_usage(self):
        for word in ("abc", "", "10x", "-1", "99999999999"):
            with self.subTest(word):
                done = run("deadline", ANY_PORT, word)
                self.assertEqual(done.returncode, 2)
                self.assertIn("MILLISECONDS", done.stderr)

    def test_who_is_silent_is_sent_away(self):
        with Example("deadline", ANY_PORT, "100") as example, example.connect() as peer:
            self.assertEqual(receive_until_end(peer), QUESTION + b"too slow\n")

    def test_a_byte_now_and_then_buys_no_time(self):
        with Example("deadline", ANY_PORT, "300") as example, example.connect() as peer:
            peer.settimeout(0.02)  # each byte comes long before the deadline
            until = time.monotonic() + PATIENCE
            heard = b""
            while time.monotonic() < until:
                with contextlib.suppress(ConnectionError):  # what has come can still be read
                    peer.send(b"4")
                try:
                    part = peer.recv(100)
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
                heard += part
                if not part:
                    break
            self.assertEqual(heard, QUESTION + b"too slow\n")

    def test_the_others_play_on(self):
        with Example("deadline", ANY_PORT, LONG) as example:
            with example.connect() as silent, example.connect() as peer:
                self.assertEqual(receive_until(silent, b"\n"), QUESTION)
                self.assertEqual(receive_until(peer, b"\n"), QUESTION)
                peer.sendall(b"42\n")
                self.assertEqual(receive_until_end(peer), b"yes\n")
                silent.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_until_end(silent), b"")


if __name__ == "__main__":
    unittest.main()
