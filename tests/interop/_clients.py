# SPDX-License-Identifier: MIT
#
# What the interop tests share: a server as a user starts it, for every model that is built, and
# waits with a deadline. The clients are plain Python, as the tutorials have them: nothing here
# knows the library.
import json
import mmap
import os
import re
import socket
import subprocess
import tempfile
import time

PROGRAM = os.environ["HEADRACE_PROGRAM"]
PATIENCE = 60.0  # seconds; only ends what hangs


def models():
    """Names of the models that this build has and this machine can run."""
    listing = subprocess.run([PROGRAM, "models", "--json"], stdin=subprocess.DEVNULL,
                             capture_output=True, encoding="utf-8", timeout=PATIENCE, check=True)
    names = [model["name"] for model in json.loads(listing.stdout)["models"] if model["runs_here"]]
    with open(PROGRAM, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
        is_threads_only = all_.find(b"__tsan_init") >= 0  # it may hold a signal back in the others
    return [name for name in names if name in ("thread", "pool", "epoll-edge")
            or not is_threads_only]


def several_at_once():
    return [name for name in models() if name != "iterative"]


class Served:
    """`headrace serve SERVICE --model MODEL`, as a context that expects exit status 0."""

    def __init__(self, model, *arguments, service="echo"):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", service, "--model", model, "--listen", "tcp://127.0.0.1:0",
             *arguments], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.address = ("127.0.0.1", int(self.said(r"tcp://127\.0\.0\.1:(\d+)")))
        except BaseException:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise

    def text(self):
        size = os.fstat(self.log.fileno()).st_size  # not seek: the server shares our place in it
        return os.pread(self.log.fileno(), size, 0).decode("utf-8", "replace")

    def said(self, pattern):
        """Waits until the log has it: its first group."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text())):
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"no {pattern!r} in {self.text()!r}")
            time.sleep(0.005)  # between two looks
        return found.group(1)

    def connect(self):
        return socket.create_connection(self.address, timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        said = self.text()
        self.log.close()
        if kind is None and status != 0:
            raise AssertionError(f"exit status {status}: {said}")


def receive_until_end(peer):
    """Everything up to the server's FIN."""
    parts = []
    while part := peer.recv(65536):
        parts.append(part)
    return b"".join(parts)


def receive(peer, size):
    """Exactly `size` bytes."""
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        if not part:
            raise AssertionError(f"the end after {len(data)} bytes of {size}")
        data += part
    return data
