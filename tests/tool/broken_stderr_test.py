# SPDX-License-Identifier: MIT
#
# A server whose log nobody reads goes on serving: stderr closed, full, slow, or on a full disk.
# Lines that cannot be written are dropped and counted, never waited for.
import fcntl
import json
import os
import signal
import socket
import subprocess
import unittest

from _program import (PATIENCE, PROGRAM, ask, built_models, connect_when_there, receive,
                      scratch_directory)

QUESTIONS = 6000  # with -v more text than a pipe (64 KiB) and the program's own queue (64 KiB) hold


class Unread:
    """`headrace serve echo -v` on a Unix socket, with a stderr of the test's choice. A context."""

    def __init__(self, stderr, *arguments, shell=""):
        self.directory = scratch_directory()
        self.path = os.path.join(self.directory.name, "echo.sock")
        command = [PROGRAM, "serve", "echo", "-v", "--listen", "unix:" + self.path, *arguments]
        if shell:
            command = ["sh", "-c", f'exec "$0" "$@" {shell}', *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr)

    def connect(self):
        return connect_when_there(self.path)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.directory.cleanup()


def fill(descriptor):
    """Writes until a pipe or socket takes no more."""
    os.set_blocking(descriptor, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(descriptor, True)


def read_rest(descriptor):
    """What is in the pipe, until its last writer is gone."""
    parts = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts).decode("utf-8").splitlines()


class BrokenStderr(unittest.TestCase):
    def serves(self, server, questions=QUESTIONS):
        with server.connect() as peer:
            for number in range(questions):
                question = b"question %d" % number
                self.assertEqual(ask(peer, question), question)

    def test_closed(self):
        with Unread(None, shell="2>&-") as server:
            self.serves(server)
            self.assertEqual(server.stop(), 0)

    def test_closed_does_not_send_the_log_to_a_client(self):
        with Unread(None, shell="0<&- 1>&- 2>&-") as server:
            with server.connect() as peer:
                self.assertEqual(ask(peer, b"hello"), b"hello")
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(receive(peer, 1), b"")
            self.assertEqual(server.stop(), 0)

    def test_a_pipe_that_was_full_from_the_start(self):
        ours, theirs = os.pipe()
        fill(theirs)
        with Unread(theirs) as server:
            self.serves(server)
            self.assertEqual(server.stop(), 0)
        os.close(ours)
        os.close(theirs)

    def test_a_full_pipe_and_a_closed_one_under_every_model(self):
        for model in built_models():
            with self.subTest(model):
                ours, theirs = os.pipe()
                fill(theirs)
                for stderr, shell in ((theirs, ""), (None, "0<&- 1>&- 2>&-")):
                    with Unread(stderr, "--model", model, shell=shell) as server:
                        self.serves(server, questions=500)
                        self.assertEqual(server.stop(), 0)
                os.close(ours)
                os.close(theirs)

    def test_a_pipe_whose_reader_has_left(self):
        ours, theirs = os.pipe()
        os.close(ours)
        with Unread(theirs) as server:
            self.serves(server)
            self.assertEqual(server.stop(), 0)
        os.close(theirs)

    def test_a_socket_that_nobody_reads(self):
        ours, theirs = socket.socketpair()
        with Unread(theirs) as server:
            self.serves(server)
            self.assertEqual(server.stop(), 0)
        ours.close()
        theirs.close()

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full, Unread(full) as server:
            self.serves(server)
            self.assertEqual(server.stop(), 0)

    def test_a_file_that_stdout_shares(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "log")
            with Unread(None, shell=f'>"{path}" 2>&1') as server:
                self.serves(server)
                self.assertEqual(server.stop(), 0)
            with open(path, encoding="utf-8") as log:
                lines = log.read().splitlines()
            self.assertEqual(len([line for line in lines if " recv " in line]), QUESTIONS)

    def test_what_was_dropped_is_counted(self):
        ours, theirs = os.pipe()
        with Unread(theirs, "--log-format", "json") as server:
            self.serves(server)
            self.assertFalse(fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK)
            os.close(theirs)
            server.process.send_signal(signal.SIGTERM)
            lines = [json.loads(line) for line in read_rest(ours)]
            self.assertEqual(server.process.wait(PATIENCE), 0)
        os.close(ours)
        dropped = [line["lines"] for line in lines if line["event"] == "log_dropped"]
        messages = [line for line in lines if line["event"] == "message"]
        self.assertTrue(dropped)
        self.assertEqual(lines[-1]["event"], "stopped")
        self.assertEqual(lines[-1]["messages"], QUESTIONS)
        spoken = [line for line in lines if line["event"] != "log_dropped"]
        everything = QUESTIONS + len({"listening", "arrived", "departed", "draining", "stopped"})
        self.assertEqual(len(spoken) + dropped[-1], everything)
        self.assertLess(len(messages), QUESTIONS)

    def test_lines_are_whole_although_many_were_dropped(self):
        ours, theirs = os.pipe()
        with Unread(theirs) as server:
            self.serves(server)
            os.close(theirs)
            server.process.send_signal(signal.SIGTERM)
            lines = read_rest(ours)
            self.assertEqual(server.process.wait(PATIENCE), 0)
        os.close(ours)
        self.assertRegex("\n".join(lines), r"(?m)^\d+ log lines dropped so far: ")
        for line in lines:
            self.assertRegex(line, r"\A(#1 recv \d+ bytes: question \d+|#1 unix:.*|listening on .*|"
                                   r"draining: .*|\d+ log lines? dropped .*|stopped after .*|"
                                   r"\d+ messages?, .*|\d+ refused, .*)\Z")


if __name__ == "__main__":
    unittest.main()
