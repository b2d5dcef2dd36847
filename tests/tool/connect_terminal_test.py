# SPDX-License-Identifier: MIT
#
# `headrace connect` on a terminal: a person types, and looks at what comes.
import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from _datagrams import deaf_port
from _peers import Peer, receive_to_end
from _program import PATIENCE, PROGRAM, Server

CONTROL_D = b"\x04"


class Terminal:
    """`headrace connect ARGUMENTS` with a terminal of its own for all three streams. A context."""

    def __init__(self, *arguments, **options):
        self.screen, inside = pty.openpty()
        options = {"stdin": inside, "stdout": inside, "stderr": inside, **options}
        self.process = subprocess.Popen([PROGRAM, "connect", *arguments], start_new_session=True,
                                        **options)
        os.close(inside)
        self.seen = b""

    def type(self, text):
        os.write(self.screen, text)

    def see(self, text):
        """Waits until `text` is on the screen behind what was waited for before."""
        until = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.screen], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            self.seen += self._read()
        before, _, self.seen = self.seen.partition(text)
        return before

    def _read(self):
        try:
            part = os.read(self.screen, 65536)
        except OSError:  # EIO: nobody has it open any more
            part = b""
        if part == b"":
            raise AssertionError(f"the screen ends behind {self.seen!r}")
        return part

    def wait(self):
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.screen)


class Talking(unittest.TestCase):
    def test_a_person_talks_until_control_d(self):
        with Server() as server, Terminal(str(server.port)) as terminal:
            terminal.see(b"connected to tcp://127.0.0.1:%d; Ctrl-D ends" % server.port)
            for line in ("hello", "你好"):
                terminal.type(line.encode() + b"\n")
                terminal.see(line.encode() + b"\r\n")  # typed
                terminal.see(line.encode() + b"\r\n")  # answered
            terminal.type(CONTROL_D)
            self.assertEqual(terminal.wait(), 0)

    def test_the_peers_end_ends_it(self):
        with Peer(lambda peer: peer.sendall(b"bye\n")) as peer, Terminal(peer.address) as terminal:
            terminal.see(b"bye\r\n")
            self.assertEqual(terminal.wait(), 0)

    def test_what_the_peer_sends_is_escaped(self):
        with Peer(lambda peer: peer.sendall(b"\x1b[31mred\a \xff\n")) as peer:
            with Terminal(peer.address) as terminal:
                terminal.see(rb"\x1b[31mred\x07 \xff" + b"\r\n")
                self.assertEqual(terminal.wait(), 0)

    def test_into_a_pipe_it_is_not(self):
        ours, its = os.pipe()
        with Peer(lambda peer: peer.sendall(b"\x1b[31mred")) as peer:
            with Terminal(peer.address, stdout=its) as terminal:
                self.assertEqual(terminal.wait(), 0)
        os.close(its)
        self.assertEqual(os.read(ours, 100), b"\x1b[31mred")
        os.close(ours)

    def test_a_piece_without_a_line_end_stands_by_itself(self):
        over = threading.Event()

        def ask(peer):
            peer.sendall(b"name? ")
            peer.sendall(b"hello " + peer.recv(100))
            over.wait(PATIENCE)

        with Peer(ask) as peer, Terminal(peer.address) as terminal:
            terminal.see(b"name? \r\n")
            terminal.type(b"li\n")
            terminal.see(b"hello li\r\n")
            over.set()

    def test_the_peer_speaks_another_encoding(self):
        def speak(peer):
            heard = peer.recv(100)
            peer.sendall(b"%d " % len(heard) + heard)

        with Peer(speak) as peer, Terminal(peer.address, "--encoding", "gb2312") as terminal:
            terminal.type("你好\n".encode())
            terminal.see("5 你好".encode())
            self.assertEqual(terminal.wait(), 0)

    def test_the_carriage_returns_of_crlf_are_not_shown(self):
        def speak(peer):
            assert peer.recv(100) == b"x\r\n"
            peer.sendall(b"one\r")
            peer.sendall(b"\ntwo\r\n")

        with Peer(speak) as peer, Terminal(peer.address, "--crlf") as terminal:
            terminal.type(b"x\n")
            terminal.see(b"one")
            self.assertNotIn(b"\\r", terminal.see(b"two\r\n"))

    def test_a_wrong_digit_is_told_and_may_be_typed_again(self):
        with Server() as server, Terminal(str(server.port), "--hex") as terminal:
            terminal.type(b"0g\n")
            terminal.see(b"'g' is no hexadecimal digit")
            terminal.type(b"00 ff\n")
            terminal.see(b"00 ff\r\n")
            terminal.see(b"00 ff\r\n")
            terminal.type(CONTROL_D)
            self.assertEqual(terminal.wait(), 0)

    def test_control_z_and_fg(self):
        with Server() as server, Terminal(str(server.port)) as terminal:
            terminal.see(b"connected")
            for _ in range(3):
                terminal.process.send_signal(signal.SIGSTOP)
                terminal.process.send_signal(signal.SIGCONT)
            terminal.type(b"still here\n")
            terminal.see(b"still here\r\n")
            terminal.see(b"still here\r\n")

    def test_a_terminal_that_is_hung_up_ends_the_input(self):
        with Peer(lambda peer: peer.sendall(receive_to_end(peer))) as peer:
            ours, its = os.pipe()
            screen, inside = pty.openpty()
            process = subprocess.Popen([PROGRAM, "connect", peer.address], stdin=inside,
                                       stdout=its, stderr=subprocess.DEVNULL)
            os.close(inside)
            os.close(its)
            os.write(screen, b"last words\n")
            select.select([peer.listening], [], [], 0)
            os.close(screen)
            self.assertEqual(process.wait(PATIENCE), 0)
            os.close(ours)


class Asking(unittest.TestCase):
    def test_a_missing_address_is_asked_for(self):
        with Server() as server, Terminal() as terminal:
            terminal.see(b"ip:")
            terminal.type(b"127.0.0.1\n")
            terminal.see(b"port:")
            terminal.type(b"%d\n" % server.port)
            terminal.see(b"connected to")
            terminal.type(b"hello\n")
            terminal.see(b"hello\r\n")
            terminal.see(b"hello\r\n")

    def test_no_answer_is_wrong_usage(self):
        with Terminal() as terminal:
            terminal.see(b"ip:")
            terminal.type(CONTROL_D)
            terminal.see(b"which ADDR?")
            self.assertEqual(terminal.wait(), 2)


class Datagrams(unittest.TestCase):
    def test_each_line_is_a_datagram(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(PATIENCE)
            address = "udp://127.0.0.1:%d" % server.getsockname()[1]
            with Terminal(address, "--wait", "50ms") as terminal:
                terminal.see(b"each line is a datagram")
                for line in (b"one", b"", b"three"):
                    terminal.type(line + b"\n")
                    data, client = server.recvfrom(100)
                    self.assertEqual(data, line)
                    server.sendto(b"<" + data + b">", client)
                    terminal.see(b"<" + line + b">\r\n")
                terminal.type(CONTROL_D)
                self.assertEqual(terminal.wait(), 0)

    def test_that_nobody_receives_is_told_and_not_the_end(self):
        with deaf_port() as port, Terminal(f"udp://127.0.0.1:{port}") as terminal:
            terminal.type(b"anybody?\n")
            terminal.see(b"nobody receives there")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
                late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                late.bind(("127.0.0.1", port))
                late.settimeout(PATIENCE)
                terminal.type(b"now?\n")
                self.assertEqual(late.recv(100), b"now?")


if __name__ == "__main__":
    unittest.main()
