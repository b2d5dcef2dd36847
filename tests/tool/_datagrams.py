# SPDX-License-Identifier: MIT
#
# What the tests of `send` and `receive` share: both programs as a user starts them, in this network
# namespace or another, and what they print. Every wait has a deadline and waits for something.
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from _program import PATIENCE, PROGRAM

LARGEST = 65507  # bytes of content in a UDP datagram over IPv4
ANYWHERE = "udp://127.0.0.1:0"


class Pipe:
    """What a process writes to one of its outputs, read all the time."""

    def __init__(self, file):
        self.data = b""
        self._file = file
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while part := os.read(self._file.fileno(), 65536):
            with self._news:
                self.data += part
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_until(self, is_there, what):
        """The first value of `is_there(data)` that is true."""
        until = time.monotonic() + PATIENCE
        with self._news:
            while not (found := is_there(self.data)):
                left = until - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"no {what} in {self.data[:2000]!r}")
                self._news.wait(left)
            return found

    def line(self, index):
        """The index-th line, without its newline."""
        return self.wait_until(lambda data: data.count(b"\n") > index and [data.split(b"\n")[index]],
                               f"line {index}")[0]

    def match(self, pattern):
        return self.wait_until(lambda data: re.search(pattern, data), pattern)

    def end(self):
        """All of it, once the process has closed it."""
        self._reader.join(PATIENCE)
        self._file.close()
        return self.data


class Running:
    """`headrace WORDS`, as a context; leaving it ends the process. `inside` is a command that runs
    another one, `nsenter ...`."""

    def __init__(self, *words, inside=(), stdin=subprocess.DEVNULL, **options):
        self.process = subprocess.Popen([*inside, PROGRAM, *words], stdin=stdin,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.out = Pipe(self.process.stdout)
        self.err = Pipe(self.process.stderr)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self):
        """The exit status; then `out` and `err` are complete."""
        status = self.process.wait(PATIENCE)
        self.out.end()
        self.err.end()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


class Receiver(Running):
    """`headrace receive`, once it receives."""

    def __init__(self, *arguments, address=ANYWHERE, **options):
        super().__init__("receive", address, *arguments, **options)
        self.address = self.err.match(
            rb'(?:listening on |"address":")([^ "]+)').group(1).decode()

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def objects(self, count):
        """The first `count` JSON objects."""
        self.out.line(count - 1)
        return [json.loads(line) for line in self.out.data.splitlines()[:count]]

    def summary(self):
        """With --json, after Ctrl-C: the last object on stderr."""
        status = self.interrupt()
        if status != 0:
            raise AssertionError(f"status {status}: {self.err.data!r}")
        return json.loads(self.err.data.splitlines()[-1])


def send(address, *arguments, given=b"", inside=()):
    """Runs `headrace send` to its end; its outputs are bytes."""
    return subprocess.run([*inside, PROGRAM, "send", address, *arguments], input=given,
                          capture_output=True, timeout=PATIENCE, check=False)


def sent(address, *arguments, **options):
    """The same, and it must have gone well, without a word on stderr."""
    done = send(address, *arguments, **options)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"status {done.returncode}: {done.stderr!r}")
    return done.stdout.decode()


def peer(family=socket.AF_INET, host="127.0.0.1", port=0):
    """A plain UDP socket whose waits have a deadline."""
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.settimeout(PATIENCE)
    udp.bind((host, port))
    return udp


def port_of(udp):
    return udp.getsockname()[1]


@contextlib.contextmanager
def deaf_port():
    """A port at which nobody receives, and nobody else can who does not ask to share it (SO_REUSEADDR):
    who has it hears one other port alone."""
    with peer() as udp, peer() as other:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.connect(udp.getsockname())
        udp.connect(other.getsockname())
        yield port_of(udp)
