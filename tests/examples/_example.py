# SPDX-License-Identifier: MIT
#
# A running example: started, waited for until it listens, stopped. Every wait has a deadline.
import os
import re
import select
import signal
import socket
import subprocess
import time

DIRECTORY = os.environ["HEADRACE_EXAMPLES"]
PATIENCE = 30.0  # seconds until a wait has failed; the machine may be busy
ANY_PORT = "tcp://127.0.0.1:0"
MODELS = ("iterative", "thread", "epoll-edge")


def run(name, *arguments):
    """An example that ends by itself: the completed process."""
    return subprocess.run([os.path.join(DIRECTORY, name), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)


class Example:
    """An example that serves. A context: leaving it ends the program."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([os.path.join(DIRECTORY, name), *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.said = ""
        self.listening = self.wait_for(r"listening on (\S+) \(.*\n").group(1)

    def wait_for(self, pattern):
        """The match of what it says on stderr."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.said)):
            left = until - time.monotonic()
            part = b""
            if left > 0 and select.select([self.process.stderr], [], [], left)[0]:
                part = os.read(self.process.stderr.fileno(), 65536)
            if not part:
                raise AssertionError(f"no {pattern!r} in {self.said!r}")
            self.said += part.decode()
        return found

    def connect(self):
        if self.listening.startswith("unix:"):
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(PATIENCE)
            peer.connect(self.listening[5:])
            return peer
        host, port = self.listening[6:].split(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def stop(self):
        """The exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


def receive_until(peer, end):
    """Everything up to `end`, which must be the last that has come."""
    data = b""
    while not data.endswith(end) and (part := peer.recv(65536)):
        data += part
    return data


def receive_until_end(peer):
    data = b""
    while part := peer.recv(65536):
        data += part
    return data
