# SPDX-License-Identifier: MIT
#
# What the tests of the program share: running it, waiting for what it says, talking to it. Every
# wait has a deadline and waits for something; nothing sleeps to let things settle.
import contextlib
import glob
import json
import mmap
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

PROGRAM = os.environ["HEADRACE_PROGRAM"]
SOURCE = os.environ.get("HEADRACE_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 30.0  # seconds until a wait has failed; the machine may be busy
ANY_PORT = "tcp://127.0.0.1:0"


def run(*arguments, **options):
    """Runs headrace to its end: the completed process, its output as text."""
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          encoding="utf-8", timeout=PATIENCE, check=False, **options)


def built_models():
    """Names of the models that this build has and this machine can run. Under ThreadSanitizer only
    those with threads and the default: it holds a signal back until a call that it knows, and
    select(2), for one, sleeps through it."""
    models = json.loads(run("models", "--json").stdout)["models"]
    names = [model["name"] for model in models if model["runs_here"]]
    if contains(b"__tsan_init"):
        return [name for name in names if name in ("thread", "pool", "epoll-edge")]
    return names


def contains(*symbols):
    with open(PROGRAM, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
        return any(all_.find(symbol) >= 0 for symbol in symbols)


def is_sanitized():
    """Whether a sanitizer is built in. UBSan's look at a vtable needs a pipe, so it sees errors
    where descriptors have run out."""
    return contains(b"__asan_init", b"__tsan_init")


class Server:
    """`headrace serve SERVICE ARGUMENTS`, its stderr read all the time.

    A context: leaving it ends the server.
    """

    def __init__(self, *arguments, service="echo", listen=(ANY_PORT,), awaited=None,
                 stdin=subprocess.DEVNULL, **options):
        addresses = [word for address in listen for word in ("--listen", address)]
        self.process = subprocess.Popen([PROGRAM, "serve", service, *addresses, *arguments],
                                        stdin=stdin, stderr=subprocess.PIPE, **options)
        self.raw = b""
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.listening = [self.wait_for(r"listening.* on |\"listening\"", index) for index in
                          range(len(listen) if awaited is None else awaited)]

    def _read(self):
        while part := os.read(self.process.stderr.fileno(), 65536):
            with self._news:
                self.raw += part
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def lines(self):
        """Complete lines so far. What has come may end in the middle of a letter."""
        whole, _, _ = self.raw.rpartition(b"\n")
        return whole.decode("utf-8").split("\n") if whole else []

    def wait_for(self, pattern, index=0):
        """The line with the index-th match of `pattern`."""
        with self._news:
            until = time.monotonic() + PATIENCE
            while True:
                found = [line for line in self.lines if re.search(pattern, line)]
                if len(found) > index:
                    return found[index]
                left = until - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"no {pattern!r} (number {index}) in {self.raw!r}")
                self._news.wait(left)

    def objects(self, event=None):
        """The JSON lines so far, of one event or all."""
        every = [json.loads(line) for line in self.lines]
        return [one for one in every if event in (None, one["event"])]

    @property
    def port(self):
        """Where the first TCP address really listens."""
        return int(re.search(r"tcp://127\.0\.0\.1:(\d+)", "\n".join(self.listening)).group(1))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def stop(self, number=signal.SIGTERM):
        """Signals the server and waits: its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        self.process.stderr.close()


def receive(peer, size):
    """Exactly `size` bytes, or fewer when the peer closes."""
    data = b""
    while len(data) < size and (part := peer.recv(size - len(data))):
        data += part
    return data


def ask(peer, question):
    """Sends, and returns what came back for it."""
    peer.sendall(question)
    return receive(peer, len(question))


def is_closed(peer):
    """Waits until the other side ends the connection."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


def clog(peer, server):
    """Sends without reading until nothing more goes out and the server could do something about it,
    but does not: it is stuck in its reply, not merely held up by the scheduler."""
    until = time.monotonic() + PATIENCE
    peer.setblocking(False)
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            while True:
                peer.send(b"x" * 65536)
        had_its_turn(server.process.pid, until)
        if not select.select([], [peer], [], 0)[1]:
            peer.settimeout(PATIENCE)
            return
    raise AssertionError("the server takes more and more")


def had_its_turn(pid, until):
    """Waits until a process and its children sleep, or have worked for a while."""
    worked = work_of(pid)[1]
    while time.monotonic() < until:
        asleep, work = work_of(pid)
        if asleep or work - worked >= 3:
            return
        time.sleep(0.005)  # between two looks
    raise AssertionError("the server gets no turn")


def work_of(pid):
    """Whether all threads of a process and its children sleep, and the ticks that they have run."""
    asleep, ticks = True, 0
    for task in glob.glob(f"/proc/{pid}/task/*"):
        with contextlib.suppress(OSError):  # it has just ended
            with open(task + "/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            asleep = asleep and fields[0] == b"S"
            ticks += int(fields[11]) + int(fields[12])
            with open(task + "/children", encoding="ascii") as file:
                children = [work_of(int(child)) for child in file.read().split()]
            asleep = asleep and all(child[0] for child in children)
            ticks += sum(child[1] for child in children)
    return asleep, ticks


def shown_on(screen):
    """All that a terminal shows, once nobody has it open any more. It comes in pieces."""
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while part := os.read(screen, 65536):
            shown += part
    return shown


def connect_when_there(path):
    """A connection to a Unix server of which no log can be read: tries until it answers."""
    until = time.monotonic() + PATIENCE
    while True:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(PATIENCE)
        try:
            peer.connect(path)
            return peer
        except (FileNotFoundError, ConnectionRefusedError):
            peer.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.01)  # between two tries, not before an expected result


def scratch_directory():
    """A directory of its own, as a context; its path is short enough for a Unix socket."""
    return tempfile.TemporaryDirectory(prefix="headrace-")
