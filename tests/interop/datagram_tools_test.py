# SPDX-License-Identifier: MIT
#
# nc, ncat and socat against `send` and `receive`, in both directions. They must be installed
# (scripts/install-packages.sh tests): a test that is left out would promise nothing.
import os
import subprocess
import time
import unittest

from _datagram_peers import Peer, be_alone_where_possible, free_udp_port, udp_port_is_bound
from _datagrams import PATIENCE, Receiver, Running
from _program import scratch_directory

SENDERS = {"nc": ["nc.openbsd", "-u", "-w", "1"],
           "ncat": ["ncat", "--udp", "--send-only"]}


def receiving(port):
    return {"nc": ["nc.openbsd", "-u", "-l", "127.0.0.1", str(port)],
            "ncat": ["ncat", "--udp", "-l", "127.0.0.1", str(port)],
            "socat": ["socat", "-u", f"UDP4-RECVFROM:{port},bind=127.0.0.1", "STDOUT"]}


def when_bound(port):
    """These programs do not say when they receive; the kernel does."""
    until = time.monotonic() + PATIENCE
    while not udp_port_is_bound(port):
        if time.monotonic() > until:
            raise AssertionError(f"nobody has bound port {port}")
        time.sleep(0.01)  # between two looks


class Tools(unittest.TestCase):
    def test_send_to_us(self):
        for name, command in SENDERS.items():
            with self.subTest(name), Receiver() as receiver:
                subprocess.run([*command, "127.0.0.1", str(receiver.port)],
                               input="hello 你好\n".encode(), timeout=PATIENCE, check=True)
                self.assertRegex(receiver.out.line(0).decode(),
                                 r"\Audp://127\.0\.0\.1:\d+ hello 你好\Z")

    def test_socat_sends_to_us(self):
        with Receiver() as receiver:
            subprocess.run(["socat", "-u", "-", f"UDP4-SENDTO:127.0.0.1:{receiver.port}"],
                           input=b"hello\n", timeout=PATIENCE, check=True)
            self.assertRegex(receiver.out.line(0).decode(), r" hello\Z")

    def test_receive_from_us(self):
        for name in receiving(0):
            port = free_udp_port()
            with self.subTest(name), Peer(*receiving(port)[name]) as program:
                when_bound(port)
                with Running("send", f"127.0.0.1:{port}", "hello 你好") as sender:
                    program.out.match("hello 你好".encode())
                    self.assertEqual(sender.wait(), 0)

    def test_answer_us(self):
        """What is typed into nc -l goes back to whoever spoke first."""
        for name in ("nc", "ncat"):
            port = free_udp_port()
            with self.subTest(name), Peer(*receiving(port)[name]) as program:
                when_bound(port)
                with Running("send", f"127.0.0.1:{port}", "who is there?\n",
                             "--wait=20s") as sender:
                    program.out.match(rb"who is there\?\n")
                    program.type(b"I am\n")
                    self.assertEqual(sender.out.line(0).decode(), f"udp://127.0.0.1:{port} I am")

    def test_talk_with_connect(self):
        for name in ("nc", "ncat"):
            port = free_udp_port()
            with self.subTest(name), Peer(*receiving(port)[name]) as program:
                when_bound(port)
                with Running("connect", f"udp://127.0.0.1:{port}", "--wait", "50ms",
                             stdin=subprocess.PIPE) as client:
                    client.process.stdin.write("你好\n".encode())
                    client.process.stdin.flush()
                    program.out.match("你好\n".encode())
                    program.type(b"hello to you\n")
                    self.assertEqual(client.out.line(0), b"hello to you")
                    client.process.stdin.close()
                    self.assertEqual(client.wait(), 0)

    def test_ncat_asks_our_echo(self):
        with Running("serve", "echo", "--listen", "udp://127.0.0.1:0", "-v") as server:
            port = server.err.match(rb"listening on udp://127\.0\.0\.1:(\d+)").group(1)
            with Peer("ncat", "--udp", "127.0.0.1", port.decode()) as client:
                for number, text in enumerate((b"one\n", b"two\n"), 1):
                    client.type(text)
                    client.out.match(text)
                    server.err.match(rb"\n%d from udp://127\.0\.0\.1:\d+" % number)

    def test_socat_echoes_to_us(self):
        port = free_udp_port()
        with Peer("socat", f"UDP4-RECVFROM:{port},bind=127.0.0.1,fork", "EXEC:cat"):
            when_bound(port)
            with Running("send", f"127.0.0.1:{port}", "hello", "--wait=20s") as sender:
                self.assertEqual(sender.out.line(0).decode(), f"udp://127.0.0.1:{port} hello")

    def test_socat_and_unix_datagrams(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "in.sock")
            with Receiver(address="unix-datagram:" + path) as receiver:
                subprocess.run(["socat", "-u", "-", f"UNIX-SENDTO:{path}"], input=b"hello",
                               timeout=PATIENCE, check=True)
                self.assertEqual(receiver.out.line(0), b"unix-datagram:(unnamed) hello")
            other = os.path.join(directory, "other.sock")
            with Peer("socat", "-u", f"UNIX-RECVFROM:{other}", "STDOUT") as program:
                until = time.monotonic() + PATIENCE
                while not os.path.exists(other) and time.monotonic() < until:
                    time.sleep(0.01)  # between two looks
                with Running("send", f"unix-datagram:{other}", "hello") as sender:
                    program.out.match(b"hello")
                    self.assertEqual(sender.wait(), 0)

    def test_ipv6(self):
        with Receiver(address="udp://[::1]:0") as receiver:
            for command in (["nc.openbsd", "-u", "-q", "0", "::1", str(receiver.port)],
                            ["ncat", "--udp", "--send-only", "::1", str(receiver.port)],
                            ["socat", "-u", "-", f"UDP6-SENDTO:[::1]:{receiver.port}"]):
                subprocess.run(command, input=command[0].encode(), timeout=PATIENCE, check=True)
                receiver.out.match(rb"udp://\[::1\]:\d+ " + command[0].encode())

    def test_socat_speaks_to_a_group(self):
        with Receiver("--join", "239.7.7.9", "--interface", "lo", address="0") as receiver:
            subprocess.run(["socat", "-u", "-", f"UDP4-DATAGRAM:239.7.7.9:{receiver.port},"
                                                "ip-multicast-if=127.0.0.1"],
                           input=b"to the group", timeout=PATIENCE, check=True)
            self.assertRegex(receiver.out.line(0), rb" to the group\Z")

    def test_socat_hears_a_group(self):
        port = free_udp_port()
        with Peer("socat", "-u", f"UDP4-RECVFROM:{port},ip-add-membership=239.7.7.9:127.0.0.1",
                  "STDOUT") as program:
            when_bound(port)
            with Running("send", f"239.7.7.9:{port}", "to the group", "--interface",
                         "lo") as sender:
                program.out.match(b"to the group")
                self.assertEqual(sender.wait(), 0)

    def test_are_discarded(self):
        with Running("serve", "discard", "--listen", "udp://127.0.0.1:0", "-v") as server:
            port = server.err.match(rb"listening on udp://127\.0\.0\.1:(\d+)").group(1).decode()
            commands = [["ncat", "--udp", "--send-only", "127.0.0.1", port],
                        ["socat", "-u", "-", f"UDP4-SENDTO:127.0.0.1:{port}"],
                        ["nc.openbsd", "-u", "-q", "0", "127.0.0.1", port]]
            for number, command in enumerate(commands, 1):
                subprocess.run(command, input=b"hello", timeout=PATIENCE, check=True)
                server.err.match(rb"\n%d from udp://127\.0\.0\.1:\d+, 5 bytes: hello" % number)
            self.assertEqual(server.interrupt(), 0)
            self.assertIn(b"3 datagrams in, 0 out", server.err.data)

    def test_ncat_sends_a_large_one(self):
        """ncat reads 8192 bytes at most, so that is what it sends at once; we cut nothing."""
        with Receiver("--json") as receiver:
            subprocess.run(["ncat", "--udp", "--send-only", "127.0.0.1", str(receiver.port)],
                           input=b"x" * 8192, timeout=PATIENCE, check=True)
            self.assertEqual(receiver.objects(1)[0]["size"], 8192)


if __name__ == "__main__":
    be_alone_where_possible()  # the tools cannot say which port they got, so it is chosen beforehand
    unittest.main()
