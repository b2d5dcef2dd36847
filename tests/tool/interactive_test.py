# SPDX-License-Identifier: MIT
#
# `serve --interactive`: commands on stdin, answers on stdout, and the end of both.
import pty
import re
import select
import subprocess
import unittest

from _program import PATIENCE, Server, built_models, receive, run


class Interactive(Server):
    """`headrace serve echo --interactive` whose stdin and stdout are pipes."""

    def __init__(self, *arguments, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0, **options}
        super().__init__("--interactive", *arguments, **options)

    def type(self, text):
        self.process.stdin.write(text.encode())

    def ask(self, command, lines=1):
        """The lines that answer `command`."""
        self.type(command + "\n")
        answer = b""
        while answer.count(b"\n") < lines:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            if not ready:
                raise TimeoutError(f"{command}: {answer!r}")
            part = self.process.stdout.read(65536)
            if not part:
                raise EOFError(command)
            answer += part
        return answer.decode().splitlines()

    def __exit__(self, *details):
        super().__exit__(*details)
        self.process.stdin.close()
        self.process.stdout.close()


class Commands(unittest.TestCase):
    def test_under_every_model(self):
        for model in built_models():
            with self.subTest(model), Interactive("--model", model) as server:
                self.assertEqual(server.ask("list"), ["nobody is connected"])
                with server.connect() as peer:
                    peer.sendall(b"hello")
                    self.assertEqual(receive(peer, 5), b"hello")
                    line, = server.ask("list")
                    while "0 B out" in line:  # a blocking send counts when it has returned
                        line, = server.ask("list")
                    port = peer.getsockname()[1]
                    self.assertRegex(line, rf"^#1 tcp://127\.0\.0\.1:{port} for .*: 1 message, "
                                           r"5 B in, 5 B out$")
                    self.assertRegex(server.ask("stats", 3)[0], r"^1 connection in .*: 1 open")
                    self.assertEqual(server.ask("kick 1"), ["#1 is being closed"])
                    self.assertEqual(peer.recv(1), b"")
                server.type("quit\n")
                self.assertEqual(server.wait(), 0)
                self.assertTrue(any("1 kicked" in line for line in server.lines), server.lines)

    def test_what_is_no_command_is_explained(self):
        with Interactive() as server:
            self.assertEqual(server.ask("lits"),
                             ["there is no command 'lits'; did you mean 'list'? help lists them"])
            self.assertEqual(server.ask("stats now"), ["stats takes no argument"])
            self.assertEqual(server.ask("kick"), ["kick takes the ID of a connection, as in "
                                                  "'kick 1'; see list"])
            self.assertRegex(server.ask("kick x")[0], "^kick takes the ID of a connection")
            self.assertEqual(server.ask("  kick   #7 "), ["there is no connection #7"])
            self.assertEqual(server.ask("\x1b[2J"),
                             [r"there is no command '\x1b[2J'; help lists them"])
            self.assertTrue(server.ask("help", 4)[2].startswith("kick ID"))
            server.type("li")  # a command may come in pieces
            self.assertEqual(server.ask("st"), ["nobody is connected"])

    def test_the_end_of_the_input_stops_the_server(self):
        for model in built_models():
            with self.subTest(model), Interactive("--model", model) as server:
                with server.connect() as peer:
                    peer.sendall(b"hello")
                    self.assertEqual(receive(peer, 5), b"hello")
                    server.process.stdin.close()
                    self.assertEqual(peer.recv(1), b"")
                self.assertEqual(server.wait(), 0)

    def test_a_last_line_without_its_newline_counts(self):
        with Interactive() as server:
            server.type("quit")
            server.process.stdin.close()
            self.assertEqual(server.wait(), 0)

    def test_answers_that_nobody_reads_do_not_stop_the_server(self):
        with Interactive() as server:
            for _ in range(600):  # more than a pipe takes
                server.type("help\n")
            with server.connect() as peer:
                peer.sendall(b"hello")
                self.assertEqual(receive(peer, 5), b"hello")

    def test_not_with_talk(self):
        result = run("serve", "talk", "--interactive")
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, "--interactive")


class Terminal(unittest.TestCase):
    def test_says_at_a_terminal_what_may_be_typed(self):
        for service, arguments, hint in (("echo", ("--interactive",), "commands: stats, list, "),
                                         ("talk", (), "type a line to answer; Ctrl-D ends")):
            screen, shell = pty.openpty()
            with self.subTest(service), open(screen, "rb"), open(shell, "rb") as terminal:
                with Server(*arguments, service=service, stdin=terminal) as server:
                    self.assertTrue(server.lines[0].startswith(hint), server.lines)
                with Server(*arguments, "--log-format", "json", service=service,
                            stdin=terminal) as server:
                    self.assertEqual(server.objects()[0]["event"], "listening")
                with Server(service="echo", stdin=terminal) as server:
                    self.assertTrue(server.lines[0].startswith("listening"), server.lines)
        with Interactive() as server:
            self.assertTrue(server.lines[0].startswith("listening"), server.lines)

    def test_stdin_from_nowhere_is_the_end_at_once(self):
        with Server("--interactive", stdin=subprocess.DEVNULL) as server:
            self.assertEqual(server.wait(), 0)
            self.assertTrue(any(re.search("^stopped after", line) for line in server.lines))


if __name__ == "__main__":
    unittest.main()
