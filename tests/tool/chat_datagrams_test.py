# SPDX-License-Identifier: MIT
#
# headrace chat udp://: with one other, as a filter between pipes; in a namespace of our own, so
# that every port is free.
import socket
import subprocess
import sys
import time
import unittest

from _datagrams import LARGEST, Running, peer, port_of
from _namespaces import run_again_in_a_namespace
from _program import PATIENCE, PROGRAM, run

# The seed's two threads: what is typed goes out in GB 2312, what comes is taken for UTF-8.
TWO_THREADS = """
from socket import *
from threading import Thread
udp = socket(AF_INET, SOCK_DGRAM)
udp.bind(("127.0.0.1", 8088))
print("ready", flush=True)
def receive():
    while True:
        data, sender = udp.recvfrom(1024)
        print("\\r>> %s %s" % (sender, data.decode()), flush=True)
Thread(target=receive, daemon=True).start()
while True:
    udp.sendto(input().encode("gb2312"), ("127.0.0.1", 8089))
"""


class Chat(Running):
    """`headrace chat ADDR`, what it is given typed by us."""

    def __init__(self, address, *arguments, **options):
        # Usually we wait for what is to come before we leave. The last --linger counts.
        super().__init__("chat", address, "--linger", "20ms", *arguments, stdin=subprocess.PIPE,
                         **options)

    def type(self, *lines):
        for line in lines:
            self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def leave(self):
        """The end of what is typed; the exit status."""
        self.process.stdin.close()
        return self.wait()


def chat_with(address, given):
    return subprocess.run([PROGRAM, "chat", address], input=given, capture_output=True,
                          encoding="utf-8", timeout=PATIENCE, check=False)


class WithOneOther(unittest.TestCase):
    def setUp(self):
        self.other = self.enterContext(peer())
        self.address = f"udp://127.0.0.1:{port_of(self.other)}"

    def chat(self, *arguments, address=None):
        return self.enterContext(Chat(address or self.address, *arguments))

    def test_what_is_typed_goes_out_and_what_comes_is_shown(self):
        chat = self.chat()
        chat.type("hello", "你好", "", "/quit is a line like others")
        for text in ("hello", "你好", "", "/quit is a line like others"):
            self.assertEqual(self.other.recv(LARGEST).decode(), text)
        chat.type("one more")
        data, sender = self.other.recvfrom(LARGEST)
        self.assertEqual(data, b"one more")
        for text in ("and you", "two\nlines\n", "", "谢谢"):
            self.other.sendto(text.encode(), sender)
        chat.out.line(4)
        self.assertEqual(chat.leave(), 0)
        self.assertEqual(chat.out.data.decode(), "and you\ntwo\nlines\n\n谢谢\n")
        self.assertEqual(chat.err.data, b"")

    def test_the_last_line_needs_no_newline(self):
        done = chat_with(self.address, "one\nthe last")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual([self.other.recv(100) for _ in range(2)], [b"one", b"the last"])

    def test_after_the_end_of_input_answers_still_come(self):
        chat = self.chat("--linger", "never")
        chat.type("question")
        _, sender = self.other.recvfrom(100)
        chat.process.stdin.close()
        for number in range(3):
            self.other.sendto(b"answer %d" % number, sender)
            self.assertEqual(chat.out.line(number), b"answer %d" % number)
        self.assertEqual(chat.interrupt(), 0)

    def test_encodings_of_both_directions(self):
        chat = self.chat("--encoding", "gb2312", "--peer-encoding", "utf-8")
        chat.type("中文 ☃")
        data, sender = self.other.recvfrom(100)
        self.assertEqual(data, "中文 ?".encode("gb2312"))
        self.other.sendto("中文".encode(), sender)
        self.assertEqual(chat.out.line(0).decode(), "中文")
        self.assertEqual(chat.leave(), 0)
        self.assertIn("1 character could not be said in gb2312", chat.err.data.decode())
        both = self.chat("--encoding", "gb2312")
        both.type("对")
        data, sender = self.other.recvfrom(100)
        self.other.sendto("对不起".encode("gb2312"), sender)
        self.assertEqual((data, both.out.line(0)), ("对".encode("gb2312"), "对不起".encode()))

    def test_invalid_bytes_are_shown_and_counted(self):
        chat = self.chat()
        chat.type("x")
        _, sender = self.other.recvfrom(100)
        self.other.sendto(b"a\xff\xfeb", sender)
        self.assertEqual(chat.out.line(0).decode(), "a\ufffd\ufffdb")
        self.assertEqual(chat.leave(), 0)
        self.assertIn(b"2 bytes that came were no UTF-8", chat.err.data)

    def test_a_line_that_no_datagram_holds(self):
        chat = self.chat()
        chat.type("x" * (LARGEST + 1), "y" * 1_000_000, "z" * LARGEST)
        self.assertEqual(self.other.recv(100_000), b"z" * LARGEST)
        self.assertEqual(chat.leave(), 1)
        self.assertIn(b"65508 bytes are more than the 65507", chat.err.data)
        self.assertIn(b"1000000 bytes are more than", chat.err.data)

    def test_a_line_for_nc_ends_as_its_own(self):
        chat = self.chat()
        chat.type("one")
        _, sender = self.other.recvfrom(100)
        self.other.sendto(b"from nc\n", sender)
        self.assertEqual(chat.out.line(0), b"from nc")
        chat.type("two")
        self.assertEqual(self.other.recv(100), b"two\n")

    def test_others_do_not_get_in(self):
        chat = self.chat()
        chat.type("hello")
        _, sender = self.other.recvfrom(100)
        with peer() as stranger:
            stranger.sendto(b"from a stranger", sender)
        self.other.sendto(b"from the peer", sender)
        self.assertEqual(chat.out.line(0), b"from the peer")

    def test_with_an_address_of_ones_own(self):
        chat = self.chat("--listen", "udp://:8088")
        chat.type("hello")
        self.assertEqual(self.other.recvfrom(100), (b"hello", ("127.0.0.1", 8088)))
        with peer() as same_host:
            same_host.sendto(b"by another port", ("127.0.0.1", 8088))
        self.assertEqual(chat.out.line(0), b"by another port")
        busy = run("chat", self.address, "--listen", ":8088")
        self.assertEqual(busy.returncode, 1)
        self.assertRegex(busy.stderr,
                         r"receive on udp://127\.0\.0\.1:8088: address in use.*headrace")

    def test_ipv6(self):
        with peer(socket.AF_INET6, "::1") as other:
            chat = self.chat("--listen", ":8088", address=f"udp://[::1]:{port_of(other)}")
            chat.type("hello")
            data, sender = other.recvfrom(100)
            self.assertEqual((data, sender[:2]), (b"hello", ("::1", 8088)))
            other.sendto(b"and you", sender)
            self.assertEqual(chat.out.line(0), b"and you")

    def test_the_reader_may_leave_early(self):
        with subprocess.Popen([PROGRAM, "chat", self.address], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as chat:
            chat.stdin.write(b"hello\n")
            chat.stdin.flush()
            _, sender = self.other.recvfrom(100)
            chat.stdout.close()
            self.other.sendto(b"unread", sender)
            self.assertEqual(chat.wait(PATIENCE), 0)

    def test_ctrl_c_ends_it(self):
        chat = self.chat()
        chat.type("hello")
        self.other.recv(100)
        self.assertEqual(chat.interrupt(), 0)


class Between(unittest.TestCase):
    def test_two_of_us(self):
        with Chat("udp://127.0.0.1:8089", "--listen", "udp://:8088") as ann, \
                Chat("udp://127.0.0.1:8088", "--listen", "udp://:8089") as bob:
            # Who begins may be before the other: it says it again.
            for number in range(1000):
                ann.type(f"{number}")
                bob.type(f"{number}")
                if ann.out.data and bob.out.data:
                    break
                time.sleep(0.03)  # between two tries
            ann.out.line(0)
            bob.out.line(0)
            ann.type("and 你好")
            bob.out.match("你好\n".encode())
            bob.type("好")
            ann.out.match("好\n".encode())
            self.assertEqual((ann.leave(), bob.leave()), (0, 0))

    def test_the_seeds_program(self):
        seed = subprocess.Popen([sys.executable, "-c", TWO_THREADS], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        self.enterContext(seed)
        self.addCleanup(seed.kill)
        self.assertEqual(seed.stdout.readline(), b"ready\n")
        with Chat("udp://127.0.0.1:8088", "--listen", "udp://:8089", "--encoding", "utf-8",
                  "--peer-encoding", "gb2312") as chat:
            chat.type("你好")
            self.assertEqual(seed.stdout.readline().decode(),
                             "\r>> ('127.0.0.1', 8089) 你好\n")
            seed.stdin.write("您好\n".encode())
            seed.stdin.flush()
            self.assertEqual(chat.out.line(0).decode(), "您好")
            self.assertEqual(chat.leave(), 0)

    def test_nobody_there(self):
        done = chat_with("udp://127.0.0.1:9", "hello")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr,
                         r"^headrace: send to udp://127\.0\.0\.1:9: connection refused")

    def test_no_way_there(self):
        done = chat_with("udp://192.0.2.1:9", "hello")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"192\.0\.2\.1:9: .*unreachable")


class Words(unittest.TestCase):
    def test_what_does_not_go_together_is_said(self):
        for words, part in (
                (("udp://127.0.0.1:9", "--timeout", "5s"), "--timeout is for"),
                (("udp://127.0.0.1:9", "--nick", "ann"), "--nick is for rooms"),
                (("udp://127.0.0.1:9", "--interface", "lo"), "--interface is for broadcast"),
                (("udp://127.0.0.1:0",), "name one host and port"),
                (("udp://*:9",), "name one host and port"),
                (("udp://broadcast:9", "--listen", ":8"), "--listen is for one other"),
                (("udp://239.1.2.3:9", "--peer-encoding", "gbk"), "--peer-encoding is for one"),
                (("udp://239.1.2.3:9", "--interface", "eth9"), "no interface 'eth9'"),
                (("udp://127.0.0.1:9", "--listen", "tcp://:8"), "did you mean 'udp://127.0.0.1:8'"),
                (("udp://127.0.0.1:9", "--listen", "unix-datagram:/x"), "another kind"),
                (("unix-datagram:/x", "--broadcast"), "--broadcast is for udp://"),
                (("tcp://127.0.0.1:9", "--linger", "1s"), "are for udp://"),
                (("127.0.0.1:9", "--linger", "0s"), "--linger")):
            with self.subTest(words):
                done = run("chat", *words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(part, done.stderr)


if __name__ == "__main__":
    run_again_in_a_namespace()
    unittest.main()
