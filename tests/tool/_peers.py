# SPDX-License-Identifier: MIT
#
# The other side of `headrace connect`: servers that behave as a test wants, and the client itself
# with its three streams in reach.
import array
import fcntl
import os
import socket
import struct
import subprocess
import termios
import threading
import time

from _program import PATIENCE, PROGRAM


class Peer:
    """A server for one client, whose whole behaviour is `script(peer)`, run on a thread.

    `at` is an address or a socket that has one. A context: leaving it waits for the script, and
    raises what it raised.
    """

    def __init__(self, script, family=socket.AF_INET, at=("127.0.0.1", 0)):
        self.listening = self._bound(family, at)
        self.listening.listen()
        self.listening.settimeout(PATIENCE)
        self.address = "unix:" + at if family == socket.AF_UNIX \
            else "%s:%d" % self.listening.getsockname()[:2]
        self.client = None  # where it came from
        self.error = None
        self._thread = threading.Thread(target=self._serve, args=(script,), daemon=True)
        self._thread.start()

    @staticmethod
    def _bound(family, at):
        if isinstance(at, socket.socket):
            return at
        bound = socket.socket(family)
        bound.bind(at)
        return bound

    def _serve(self, script):
        try:
            peer, self.client = self.listening.accept()
            with peer:
                peer.settimeout(PATIENCE)
                script(peer)
        except BaseException as error:  # for the test, on its own thread
            self.error = error

    def wait(self):
        """Until the script has ended, and its connection is closed."""
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise AssertionError("the peer's script has not ended")
        if self.error is not None:
            raise self.error

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._thread.join(PATIENCE)
        self.listening.close()
        if kind is None:
            self.wait()


def receive_to_end(peer):
    data = b""
    while part := peer.recv(1 << 20):
        data += part
    return data


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class Client:
    """`headrace connect ARGUMENTS` whose stdin stays open until `end`. A context."""

    def __init__(self, *arguments, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   **options}
        self.process = subprocess.Popen([PROGRAM, "connect", *arguments], bufsize=0, **options)

    def say(self, data):
        while data:
            data = data[self.process.stdin.write(data):]

    def wait_until_all_is_read(self):
        """Of what it was told."""
        until = time.monotonic() + PATIENCE
        while True:
            unread = array.array("i", [0])
            fcntl.ioctl(self.process.stdin, termios.FIONREAD, unread)
            if unread[0] == 0:
                return
            if time.monotonic() > until:
                raise AssertionError(f"{unread[0]} bytes stay unread")
            time.sleep(0.002)  # between two looks

    def hear(self, size):
        """Exactly so many bytes, or fewer at the end."""
        data = b""
        while len(data) < size and (part := os.read(self.process.stdout.fileno(),
                                                    size - len(data))):
            data += part
        return data

    def end(self):
        self.process.stdin.close()

    def wait(self):
        """Status, what is left on stdout, stderr: with stdin as it is."""
        out = self._rest(self.process.stdout)
        err = self._rest(self.process.stderr)
        return self.process.wait(PATIENCE), out, err.decode()

    @staticmethod
    def _rest(stream):
        return b"" if stream is None else stream.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def connect(*arguments, data=b"", **options):
    """Runs it to its end with `data` as its whole input: status, stdout, stderr."""
    done = subprocess.run([PROGRAM, "connect", *arguments], input=data, capture_output=True,
                          timeout=PATIENCE, check=False, **options)
    return done.returncode, done.stdout, done.stderr.decode()
