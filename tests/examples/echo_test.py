# SPDX-License-Identifier: MIT
#
# examples/echo.cpp: what was sent comes back, under every model that it is given.
import socket
import unittest

from _example import ANY_PORT, MODELS, Example, receive_until_end, run


class Echo(unittest.TestCase):
    def test_sends_back_what_it_receives(self):
        for model in MODELS:
            with self.subTest(model), Example("echo", ANY_PORT, model) as example:
                with example.connect() as peer:
                    peer.sendall(b"hello\n")
                    peer.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_until_end(peer), b"hello\n")
                self.assertEqual(example.stop(), 0)
                example.wait_for(r"\n1 connection, 6 bytes in, 6 bytes out, 1 at most at once, ")

    def test_refuses_a_model_that_is_none(self):
        done = run("echo", ANY_PORT, "kqueue")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "echo: there is no model 'kqueue'\n"))


if __name__ == "__main__":
    unittest.main()
