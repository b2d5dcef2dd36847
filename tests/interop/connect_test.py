# SPDX-License-Identifier: MIT
#
# `headrace connect` to the servers that people have: nc, ncat, socat, and those of the two notes
# that headrace grew from, written again as they stand there. (Their clients against our servers:
# tools_test, seed_clients_test.)
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from _clients import PATIENCE, PROGRAM
from _datagram_peers import Peer, be_alone_where_possible

BYTES = random.Random(5).randbytes(1_000_000)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def is_listening(port):
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
                   for row in table.readlines()[1:])


class Listening:
    """A server program that listens at 127.0.0.1:`port`, which is not asked by a connection. A
    context: what it printed is in `out` behind it. Without `data` its input stays open until it
    ends, so it does not close its side before it has heard ours."""

    def __init__(self, command, data=None):
        self.port = free_port()
        words = [word.replace("PORT", str(self.port)) for word in command]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.out = b""
        self._talk = threading.Thread(target=self._communicate, args=(data,), daemon=True)
        until = time.monotonic() + PATIENCE
        while not is_listening(self.port):
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"{words} does not listen")
            time.sleep(0.01)  # between two looks
        self._talk.start()

    def _communicate(self, data):
        if data is None:
            self.out = self.process.stdout.read()
        self.out += self.process.communicate(data, timeout=PATIENCE)[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._talk.join(PATIENCE)
        if self.process.poll() is None:
            self.process.kill()


def wait_for_listener_at(path):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with open("/proc/net/unix", encoding="utf-8") as table:  # flags: SO_ACCEPTCON
            if any(row.split()[3] == "00010000" and row.rstrip().endswith(" " + path)
                   for row in table.readlines()[1:]):
                return
        time.sleep(0.01)  # between two looks
    raise AssertionError(f"nobody listens at {path}")


def connect(address, *arguments, data=b""):
    with tempfile.TemporaryFile() as file:  # all there at once, also when we are held up
        file.write(data)
        file.seek(0)
        done = subprocess.run([PROGRAM, "connect", str(address), *arguments], stdin=file,
                              capture_output=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


class Tools(unittest.TestCase):
    def test_nc_says_something_and_hears_everything(self):
        """-N: it closes its side behind its input."""
        with Listening(["nc.openbsd", "-N", "-l", "127.0.0.1", "PORT"], b"from nc") as server:
            status, out, _ = connect(server.port, data=b"to nc")
        self.assertEqual((status, out, server.out), (0, b"from nc", b"to nc"))

    def test_nc_that_does_not_close_is_given_up(self):
        """Without -N it keeps its side open, and so would nc on ours."""
        with Listening(["nc.openbsd", "-l", "127.0.0.1", "PORT"], b"from nc") as server:
            with subprocess.Popen([PROGRAM, "connect", str(server.port), "--linger", "300ms"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, bufsize=0) as client:
                client.stdin.write(b"to nc")
                self.assertEqual(client.stdout.read(7), b"from nc")
                _, err = client.communicate(timeout=PATIENCE)
        self.assertEqual(server.out, b"to nc")
        self.assertIn((client.returncode, b"--linger" in err), ((0, False), (1, True)))  # versions

    def test_ncat(self):
        """At our FIN it drops what it has not sent yet: so much in one direction at a time."""
        with Listening(["ncat", "-l", "127.0.0.1", "PORT"]) as server:
            status, _, _ = connect(server.port, data=BYTES)
        self.assertEqual(status, 0)
        self.assertTrue(server.out == BYTES)

    def test_ncat_with_a_program_behind_it(self):
        """At our FIN it drops what its program still has to say: so the answer is waited for."""
        with Listening(["ncat", "-l", "127.0.0.1", "PORT", "-c", "cat"]) as server:
            with subprocess.Popen([PROGRAM, "connect", str(server.port)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, bufsize=0) as client:
                client.stdin.write(b"through cat")
                self.assertEqual(client.stdout.read(11), b"through cat")
                client.stdin.close()
                self.assertEqual(client.wait(PATIENCE), 0)

    def test_socat(self):
        command = ["socat", "-t", "60", "TCP4-LISTEN:PORT,bind=127.0.0.1", "EXEC:cat"]
        with Listening(command) as server:
            status, out, _ = connect(server.port, data=BYTES)
        self.assertEqual(status, 0)
        self.assertTrue(out == BYTES)

    def test_at_a_unix_path(self):
        """-U of nc and ncat, and socat: each says something and hears everything."""
        with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
            path = os.path.join(directory, "s")
            for command in (["nc.openbsd", "-N", "-l", "-U", path], ["ncat", "-l", "-U", path],
                            ["socat", "-t", "60", "-", f"UNIX-LISTEN:{path},unlink-close"]):
                with self.subTest(command[0]), Peer(*command) as server:
                    wait_for_listener_at(path)
                    with Peer(PROGRAM, "connect", "unix:" + path) as client:
                        server.type(b"to you")
                        client.out.match(b"to you")
                        client.type(b"to you, too")
                        client.process.stdin.close()
                        server.out.match(b"to you, too")
                        server.process.stdin.close()
                        self.assertEqual(client.wait(), 0)
                if os.path.exists(path):
                    os.unlink(path)

    def test_udp_socat(self):
        port = self.bound_udp_port()
        server = subprocess.Popen(["socat", "-T", "5", f"UDP4-RECVFROM:{port},bind=127.0.0.1,fork",
                                   "EXEC:cat"], stdin=subprocess.DEVNULL)
        try:
            until = time.monotonic() + PATIENCE
            answer = b""
            while answer != b"one question":  # it may not be there yet
                self.assertLess(time.monotonic(), until)
                answer = connect(f"udp://127.0.0.1:{port}", data=b"one question")[1]
        finally:
            server.kill()
            server.wait(PATIENCE)

    @staticmethod
    def bound_udp_port():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]


def has_recv_server(tcp):
    """The note's TCP server: one client, one recv(1024), "has recv:" and what came, close."""
    client, _ = tcp.accept()
    data = client.recv(1024)
    client.send(("has recv:" + data.decode()).encode())
    client.close()


def iterative_server(tcp):
    """The note's single-process server: it only prints what comes, until recv is empty."""
    client, _ = tcp.accept()
    while client.recv(1024):
        pass
    client.close()


def operators_chat(tcp):
    """The note's chat: one line from the client, one from the operator, in turn."""
    client, _ = tcp.accept()
    for number in range(3):
        data = client.recv(1024)
        if not data:
            break
        client.send(b"%d:" % number + data)
    client.close()


class Notes(unittest.TestCase):
    def served(self, server):
        tcp = socket.create_server(("127.0.0.1", 0))
        tcp.settimeout(PATIENCE)
        thread = threading.Thread(target=server, args=(tcp,), daemon=True)
        thread.start()
        self.addCleanup(tcp.close)
        self.addCleanup(thread.join, PATIENCE)
        return tcp.getsockname()[1]

    def test_has_recv(self):
        port = self.served(has_recv_server)
        self.assertEqual(connect(port, data="你好".encode()), (0, "has recv:你好".encode(), ""))

    def test_single_process_server(self):
        port = self.served(iterative_server)
        self.assertEqual(connect(port, data=b"x" * 100_000), (0, b"", ""))

    def test_operators_chat(self):
        port = self.served(operators_chat)
        with subprocess.Popen([PROGRAM, "connect", str(port)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, bufsize=0) as client:
            for number in range(3):
                client.stdin.write(b"hello")
                self.assertEqual(client.stdout.read(7), b"%d:hello" % number)
            self.assertEqual(client.wait(PATIENCE), 0)  # it has closed, our input is open

    def test_udp_echo_that_counts(self):
        """The note's UDP echo server, for three datagrams."""
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(PATIENCE)
        printed = []

        def serve():
            for number in range(1, 4):
                data = udp.recvfrom(1024)
                udp.sendto(data[0], data[1])
                printed.append(f"callback {number} {data[0].decode()}")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for text in ("one".encode(), "二".encode(), "three".encode()):
            address = "udp://127.0.0.1:%d" % udp.getsockname()[1]
            with subprocess.Popen([PROGRAM, "connect", address, "--wait", "50ms"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  bufsize=0) as client:
                client.stdin.write(text)
                self.assertEqual(client.stdout.read(len(text)), text)  # however late it is
                client.stdin.close()
                self.assertEqual(client.wait(PATIENCE), 0)
        thread.join(PATIENCE)
        udp.close()
        self.assertEqual(printed, ["callback 1 one", "callback 2 二", "callback 3 three"])

    def test_a_gb2312_receiver(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(PATIENCE)
        connect("udp://127.0.0.1:%d" % udp.getsockname()[1], "--wait", "50ms", "--encoding",
                "gb2312", data="你好".encode())
        self.assertEqual(udp.recvfrom(1024)[0].decode("gb2312"), "你好")
        udp.close()


if __name__ == "__main__":
    be_alone_where_possible()  # the tools are given ports that were free before
    unittest.main()
