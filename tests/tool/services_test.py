# SPDX-License-Identifier: MIT
#
# The services beside echo: discard, reply, and talk, where somebody answers on stdin.
import fcntl
import os
import pty
import select
import socket
import subprocess
import threading
import unittest

from _program import PATIENCE, Server, built_models, is_closed, receive, run

ONE_SERVING = ("iterative", "thread", "epoll-edge")  # where who serves has the listener, too


def receive_until_end(peer):
    data = b""
    while part := peer.recv(65536):
        data += part
    return data


class Reply(unittest.TestCase):
    def test_answers_once_and_closes(self):
        for model in built_models():
            with self.subTest(model), Server("--model", model, service="reply") as server:
                for text in (b"hello", "你好\n".encode(), b"\0"):
                    with server.connect() as peer:
                        peer.sendall(text)
                        self.assertEqual(receive_until_end(peer), b"has recv:" + text)
                self.assertEqual(server.stop(), 0)

    def test_what_comes_behind_does_not_destroy_the_answer(self):
        for model in built_models():
            with self.subTest(model), Server("--model", model, service="reply") as server:
                with server.connect() as peer:
                    peer.sendall(b"y" * 3_000_000)  # is taken, not reset
                    peer.shutdown(socket.SHUT_WR)
                    answer = receive_until_end(peer)
                self.assertTrue(answer.startswith(b"has recv:yyy"), answer[:20])
                self.assertLessEqual(len(answer), 9 + 65536)

    def test_says_nothing_to_who_says_nothing(self):
        with Server(service="reply") as server, server.connect() as peer:
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_until_end(peer), b"")


class Discard(unittest.TestCase):
    def test_takes_everything_and_answers_nothing(self):
        for model in built_models():
            with self.subTest(model), Server("--model", model, "--log-format", "json",
                                             service="discard") as server:
                with server.connect() as peer:
                    peer.sendall(b"z" * 5_000_000)
                    peer.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_until_end(peer), b"")
                self.assertEqual(server.stop(), 0)
                total = server.objects("stopped")[0]
                self.assertEqual((total["bytes_received"], total["bytes_sent"]), (5_000_000, 0))


class Talk(Server):
    """`headrace serve talk` whose stdin and stdout are pipes, or what is given."""

    def __init__(self, *arguments, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0, **options}
        super().__init__(*arguments, service="talk", **options)
        self.shown = b""

    def type(self, text):
        self.process.stdin.write(text)

    def type_all(self, text):
        """More than a pipe has room for."""
        while text:
            text = text[self.process.stdin.write(text):]

    def show(self, descriptor=None):
        """One more piece of what the operator sees; b"" at its end."""
        out = self.process.stdout.fileno() if descriptor is None else descriptor
        if not select.select([out], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing is shown behind {self.shown!r}")
        part = os.read(out, 65536)
        self.shown += part
        return part

    def wait_for_shown(self, text, descriptor=None):
        """Waits until all that was shown ends with `text`."""
        while not self.shown.endswith(text):
            if not self.show(descriptor):
                raise AssertionError(f"{self.shown!r} is not {text!r}")

    def __exit__(self, *details):
        super().__exit__(*details)
        for file in (self.process.stdin, self.process.stdout):
            if file is not None:
                file.close()


class Talking(unittest.TestCase):
    def test_a_client_and_the_operator(self):
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server, server.connect() as peer:
                for number in range(20):
                    peer.sendall(b"question %d\n" % number)
                    server.wait_for_shown(b"question %d\n" % number)
                    server.type(b"answer %d\n" % number)
                    self.assertEqual(receive(peer, 8 + len(str(number))), b"answer %d\n" % number)
                expected = b"".join(b"question %d\n" % number for number in range(20))
                self.assertEqual(server.shown, expected)

    def test_the_next_client_waits_and_is_shown_at_once_at_its_turn(self):
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server:
                first, second = server.connect(), server.connect()
                with first, second:
                    first.sendall(b"the first\n")
                    server.wait_for_shown(b"the first\n")
                    second.sendall(b"early\nbird\n")
                    server.type(b"for the first\n")
                    self.assertEqual(receive(first, 14), b"for the first\n")
                    self.assertEqual(server.shown, b"the first\n")
                    self.assertNotIn("#2", server.raw.decode())
                    first.close()
                    server.wait_for_shown(b"early\nbird\n")
                    server.type(b"for the second\n")
                    self.assertEqual(receive(second, 15), b"for the second\n")

    def test_two_doors_have_one_queue(self):
        for model in ONE_SERVING:
            with self.subTest(model):
                self.two_doors(model)

    def two_doors(self, model):
        name = f"unix:@headrace-talk-{os.getpid()}-{model}"
        with Talk("--model", model, listen=("tcp://127.0.0.1:0", name)) as server:
            with server.connect() as first, socket.socket(socket.AF_UNIX) as second:
                second.settimeout(PATIENCE)
                first.sendall(b"by TCP\n")
                server.wait_for_shown(b"by TCP\n")
                second.connect("\0" + name[6:])
                second.sendall(b"by name\n")
                server.type(b"first\n")
                self.assertEqual(receive(first, 6), b"first\n")
                first.close()
                server.wait_for_shown(b"by TCP\nby name\n")
                server.type(b"second\n")
                self.assertEqual(receive(second, 7), b"second\n")

    def test_a_client_leaves_while_nobody_types(self):
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server:
                for number in range(10):
                    with server.connect() as peer:
                        peer.sendall(b"%d\n" % number)
                        server.wait_for_shown(b"%d\n" % number)
                    server.wait_for("departed", number)

    def test_a_line_typed_between_two_clients_goes_to_the_next(self):
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server:
                for number in range(5):
                    with server.connect() as peer:
                        peer.sendall(b"here\n")
                        server.wait_for_shown(b"here\n" * (number + 1))
                        if number > 0:
                            self.assertEqual(receive(peer, 6), b"next\n" + b"%d" % number)
                    server.wait_for("departed", number)
                    server.type(b"next\n%d\n" % (number + 1))

    def test_half_a_line_waits_for_its_other_half(self):
        with Talk() as server, server.connect() as peer:
            server.type(b"half ")
            peer.sendall(b"are you there?\n")
            server.wait_for_shown(b"?\n")
            peer.setblocking(False)
            self.assertRaises(BlockingIOError, peer.recv, 1)
            peer.settimeout(PATIENCE)
            server.type(b"and half\n")
            self.assertEqual(receive(peer, 14), b"half and half\n")

    def test_a_long_text_is_sent_whole(self):
        text = b"".join(b"line %d\n" % number for number in range(40_000)) + b"x" * 100_000 + b"\n"
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server, server.connect() as peer:
                typist = threading.Thread(target=server.type_all, args=(text,))
                typist.start()
                self.assertEqual(receive(peer, len(text)), text)
                typist.join(PATIENCE)

    def test_a_client_that_says_much_is_shown_whole(self):
        text = b"".join(b"row %d\n" % number for number in range(100_000))
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server, server.connect() as peer:
                sender = threading.Thread(target=peer.sendall, args=(text,))
                sender.start()
                while len(server.shown) < len(text):
                    server.show()
                sender.join(PATIENCE)
                self.assertEqual(server.shown, text)


class Showing(unittest.TestCase):
    def test_a_client_cannot_steer_the_terminal(self):
        with Talk() as server, server.connect() as peer:
            peer.sendall(b"\x1b[31mred\xe2\x80\xaeevil\x07\xff\\\n\tnext\r\n")
            server.wait_for_shown(b"\\x1b[31mred\\u{202E}evil\\x07\\xff\\\\\n\\tnext\\r\n")

    def test_a_character_in_two_pieces_is_one(self):
        with Talk() as server, server.connect() as peer:
            text = "你".encode()
            peer.sendall(b"a" + text[:1])
            server.wait_for_shown(b"a")
            peer.sendall(text[1:2])
            peer.sendall(text[2:] + b"b\n")
            server.wait_for_shown(b"a" + text + b"b\n")
            self.assertEqual(server.shown, b"a" + text + b"b\n")

    def test_what_a_client_leaves_unfinished_is_finished(self):
        with Talk() as server:
            with server.connect() as peer:
                peer.sendall(b"no newline \xe4\xbd")
            server.wait_for_shown(b"no newline \\xe4\\xbd\n")
            with server.connect() as peer:
                peer.sendall(b"next\n")
                server.wait_for_shown(b"\\xbd\nnext\n")

    def test_the_operator_is_told_who_comes_and_goes(self):
        for arguments in ((), ("-v",)):
            with self.subTest(arguments), Talk(*arguments) as server:
                with server.connect() as peer:
                    name = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
                    server.wait_for(f"^#1 {name} arrived$")
                server.wait_for(f"^#1 {name} departed after ")

    def test_a_closed_stdout_stops_the_server(self):
        for model in ONE_SERVING:
            with self.subTest(model), Talk("--model", model) as server, server.connect() as peer:
                peer.sendall(b"seen\n")
                server.wait_for_shown(b"seen\n")
                server.process.stdout.close()
                peer.sendall(b"not seen\n")
                self.assertTrue(is_closed(peer))
                self.assertEqual(server.wait(), 1)
                self.assertRegex(server.lines[-1], r"\Aheadrace: write to stdout: .*closed")


class Ending(unittest.TestCase):
    def test_end_of_input_is_the_end_of_our_side(self):
        for model in built_models():
            with self.subTest(model), Talk("--model", model) as server, server.connect() as peer:
                peer.sendall(b"hello\n")
                server.wait_for_shown(b"hello\n")
                server.type(b"bye\nlast words")
                server.process.stdin.close()
                self.assertEqual(receive_until_end(peer), b"bye\nlast words")
                server.wait_for("^end of input")
                peer.sendall(b"but I go on\n")
                server.wait_for_shown(b"but I go on\n")
                peer.close()
                self.assertEqual(server.wait(), 0)
                self.assertEqual(len([line for line in server.lines if "end of input" in line]), 1)

    def test_end_of_input_in_the_json_log(self):
        with Talk("--log-format", "json") as server, server.connect():
            server.process.stdin.close()
            server.wait_for('"input_ended"')
            self.assertEqual(list(server.objects("input_ended")[0]), ["time", "level", "event"])

    def test_input_from_a_file(self):
        with open(os.path.abspath(__file__), "rb") as file, Talk(stdin=file) as server:
            with server.connect() as peer:
                file_text = receive_until_end(peer)
            self.assertEqual(server.wait(), 0)
        with open(os.path.abspath(__file__), "rb") as file:
            self.assertEqual(file_text, file.read())

    def test_sigterm_drains(self):
        for model in ONE_SERVING:
            with self.subTest(model), Talk("--model", model, "--log-format", "json") as server:
                with server.connect() as first, server.connect() as second:
                    first.sendall(b"hello\n")
                    server.wait_for_shown(b"hello\n")
                    server.process.terminate()
                    self.assertEqual(receive_until_end(first), b"")
                    self.assertTrue(is_closed(second))
                    first.close()
                    self.assertEqual(server.wait(), 0)
                total = server.objects("stopped")[0]
                self.assertEqual((total["connections"], total["refused"]), (1, 1))


class Terminal(unittest.TestCase):
    def test_a_person_at_a_terminal(self):
        for model in built_models():
            with self.subTest(model):
                self.talk_at_a_terminal(model)

    def talk_at_a_terminal(self, model):
        screen, shell = pty.openpty()
        try:
            with Talk("--model", model, stdin=shell, stdout=shell) as server:
                with server.connect() as peer:
                    peer.sendall(b"hello")  # as the seed's client: no newline
                    server.wait_for_shown(b"hello\r\n", screen)
                    self.assertFalse(fcntl.fcntl(shell, fcntl.F_GETFL) & os.O_NONBLOCK)
                    os.write(screen, b"good morning\n")
                    self.assertEqual(receive(peer, 13), b"good morning\n")
                    server.wait_for_shown(b"hello\r\ngood morning\r\n", screen)
                    os.write(screen, b"\x04")  # Ctrl-D
                    self.assertEqual(receive_until_end(peer), b"")
                self.assertEqual(server.wait(), 0)
            self.assertFalse(fcntl.fcntl(shell, fcntl.F_GETFL) & os.O_NONBLOCK)
        finally:
            os.close(screen)
            os.close(shell)


class Refusals(unittest.TestCase):
    def test_several_workers(self):
        for number in ("2", "auto"):
            done = run("serve", "talk", "--workers", number)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("talk serves one client after another", done.stderr)
        with Talk("--workers", "1") as server:
            self.assertIn("model epoll-edge", server.listening[0])

    def test_interactive(self):
        done = run("serve", "talk", "--interactive")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--interactive", done.stderr)


if __name__ == "__main__":
    unittest.main()
