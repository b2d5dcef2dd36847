# SPDX-License-Identifier: MIT
#
# The UDP programs of the notes against `send` and `receive`, in both directions: sender and
# receiver, GB2312, the echo server that counts, the broadcast pair on a wire of its own.
import subprocess
import unittest

from _datagram_peers import seed
from _datagrams import Receiver, Running, sent
from _namespaces import Namespace, bridge, run_again_in_a_namespace


class OneToOne(unittest.TestCase):
    def test_the_notes_sender(self):
        for text in ("1111", "你好", "x" * 1000):
            with Receiver() as receiver, seed("send", port=receiver.port) as sender:
                sender.type(text.encode() + b"\n")
                self.assertRegex(receiver.out.line(0).decode(), rf"\Audp://127\.0\.0\.1:\d+ {text}\Z")
                self.assertEqual(sender.wait(), 0)

    def test_the_notes_receiver(self):
        with seed("receive") as receiver:
            sent(f"127.0.0.1:{receiver.port}", "1111")
            self.assertRegex(receiver.out.line(0), rb"\A\(b'1111', \('127.0.0.1', \d+\)\)\Z")

    def test_the_notes_gb2312_sender(self):
        with Receiver("--encoding", "gb2312", "-v") as receiver, \
                seed("gb2312_send", port=receiver.port) as sender:
            sender.type("你好\n".encode())
            self.assertEqual(receiver.out.line(1), rb"  raw      \xc4\xe3\xba\xc3")
            self.assertEqual(receiver.out.line(2).decode(), "  decoded  你好")

    def test_the_notes_gb2312_receiver(self):
        with seed("gb2312_receive") as receiver:
            sent(f"127.0.0.1:{receiver.port}", "你好", "--encoding", "gb2312")
            self.assertEqual(receiver.out.line(0), rb"content is b'\xc4\xe3\xba\xc3'")
            self.assertEqual(receiver.out.line(1).decode(), "content is 你好")

    def test_the_notes_echo_server(self):
        with seed("echo") as server, \
                Running("send", f"127.0.0.1:{server.port}", "--wait=20s",
                        stdin=subprocess.PIPE) as client:
            for number, text in enumerate(("hello", "你好", "again"), 1):
                client.process.stdin.write(text.encode() + b"\n")
                client.process.stdin.flush()
                self.assertEqual(client.out.line(number - 1).decode(),
                                 f"udp://127.0.0.1:{server.port} {text}")
                self.assertEqual(server.out.line(number - 1).decode(), f"callback {number} {text}")


class Broadcast(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bridge()
        cls.machines = [Namespace(number) for number in (1, 2, 3)]

    @classmethod
    def tearDownClass(cls):
        for machine in cls.machines:
            machine.__exit__()

    def test_the_notes_sender_is_heard_by_two_receivers_of_ours(self):
        one, two, three = (machine.inside for machine in self.machines)
        with Receiver("--broadcast", address="21567", inside=two) as second, \
                Receiver("--broadcast", address="21567", inside=three) as third, \
                seed("broadcast_send", "broadcast", 21567, inside=one) as sender:
            for index, text in enumerate(("hello", "你好")):
                sender.type(text.encode() + b"\n")
                for receiver in (second, third):
                    self.assertRegex(receiver.out.line(index).decode(),
                                     rf"\Audp://10\.77\.0\.1:\d+ {text}\Z")
            sender.type(b"\n")
            self.assertEqual(sender.wait(), 0)

    def test_our_sender_is_heard_by_two_receivers_of_the_notes(self):
        one, two, three = (machine.inside for machine in self.machines)
        with seed("broadcast_receive", port=21568, inside=two) as second, \
                seed("broadcast_receive", port=21568, inside=three) as third, \
                Running("send", "udp://broadcast:21568", inside=one,
                        stdin=subprocess.PIPE) as sender:
            for index, text in enumerate(("hello", "你好")):
                sender.process.stdin.write(text.encode() + b"\n")
                sender.process.stdin.flush()
                self.assertEqual(sender.err.line(index).decode(), f"sending -> {text}")
                for receiver in (second, third):
                    self.assertEqual(receiver.out.line(0), b"wait msg")
                    self.assertRegex(receiver.out.line(index + 1).decode(),
                                     rf"\Arecv \('10\.77\.0\.1', \d+\) {text}\Z")
            sender.process.stdin.write(b"\n")
            sender.process.stdin.flush()  # and stdin stays open: the empty line ends it
            self.assertEqual(sender.wait(), 0)


if __name__ == "__main__":
    run_again_in_a_namespace()
    unittest.main()
