# SPDX-License-Identifier: MIT
#
# examples/two_tasks.cpp: lines come back numbered, in order, under every model.
import socket
import threading
import unittest

from _example import ANY_PORT, MODELS, PATIENCE, Example, receive_until, receive_until_end, run


class TwoTasks(unittest.TestCase):
    def test_numbers_the_lines(self):
        for model in MODELS:
            with self.subTest(model), Example("two_tasks", ANY_PORT, model) as example:
                for _ in range(2):
                    with example.connect() as peer:
                        peer.sendall(b"a\nb\n\nhalf ")
                        self.assertEqual(receive_until(peer, b"3: \n"), b"1: a\n2: b\n3: \n")
                        peer.sendall(b"a line\nthe last")
                        peer.shutdown(socket.SHUT_WR)
                        self.assertEqual(receive_until_end(peer), b"4: half a line\n5: the last")
                self.assertEqual(example.stop(), 0)

    def test_many_lines_at_once(self):
        lines = [b"line\n"] * 20_000  # far more than the Channel holds
        expected = b"".join(b"%d: line\n" % number for number in range(1, len(lines) + 1))
        for model in MODELS:
            with self.subTest(model), Example("two_tasks", ANY_PORT, model) as example:
                with example.connect() as peer:
                    sender = threading.Thread(target=self.send_all, args=(peer, b"".join(lines)))
                    sender.start()
                    self.assertEqual(receive_until_end(peer), expected)
                    sender.join(PATIENCE)

    def send_all(self, peer, text):
        peer.sendall(text)
        peer.shutdown(socket.SHUT_WR)

    def test_refuses_a_model_that_is_none(self):
        done = run("two_tasks", ANY_PORT, "kqueue")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "two_tasks: there is no model 'kqueue'\n"))


if __name__ == "__main__":
    unittest.main()
