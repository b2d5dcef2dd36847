# SPDX-License-Identifier: MIT
#
# `headrace send`: what goes out, what comes back, and what is said when it does not get there. The
# receivers are plain sockets.
import os
import pty
import re
import socket
import subprocess
import time
import unittest

from _datagrams import LARGEST, Receiver, Running, deaf_port, peer, port_of, send, sent
from _program import PATIENCE, PROGRAM, run, scratch_directory

IP_RECVTTL = 12  # Linux; Python's socket does not name it


def content(udp):
    return udp.recv(65536)


class Content(unittest.TestCase):
    def setUp(self):
        self.udp = peer()
        self.addCleanup(self.udp.close)
        self.address = f"127.0.0.1:{port_of(self.udp)}"

    def test_a_word(self):
        for text in ("hello", "", "你好", "-x", "a b"):
            with self.subTest(text):
                self.assertEqual(sent(self.address, "--", text), "")
                self.assertEqual(content(self.udp), text.encode())

    def test_a_port_alone_is_loopback(self):
        sent(str(port_of(self.udp)), "hello")
        self.assertEqual(content(self.udp), b"hello")

    def test_a_name(self):
        sent(f"udp://localhost:{port_of(self.udp)}", "hello")
        self.assertEqual(content(self.udp), b"hello")

    def test_a_line_each(self):
        sent(self.address, given=b"one\n\ntwo\r\nthr\x00ee\xff\nlast")
        self.assertEqual([content(self.udp) for _ in range(5)],
                         [b"one", b"", b"two\r", b"thr\x00ee\xff", b"last"])

    def test_lines_of_a_file(self):
        """A regular file is no descriptor that epoll takes."""
        with scratch_directory() as directory:
            path = os.path.join(directory, "lines")
            with open(path, "wb") as file:
                file.write(b"".join(b"line %d\n" % number for number in range(100)))
            with open(path, "rb") as file:
                done = subprocess.run([PROGRAM, "send", self.address], stdin=file,
                                      capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual([content(self.udp) for _ in range(100)],
                             [b"line %d" % number for number in range(100)])

    def test_nothing_on_stdin_sends_nothing(self):
        sent(self.address)
        self.udp.setblocking(False)
        self.assertRaises(BlockingIOError, self.udp.recv, 1)

    def test_a_closed_stdin_is_an_empty_one(self):
        done = subprocess.run(["sh", "-c", f'"{PROGRAM}" send {self.address} <&-'],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_each_line_goes_at_once(self):
        with Running("send", self.address, stdin=subprocess.PIPE) as sender:
            for line in (b"one", b"two"):
                sender.process.stdin.write(line + b"\n")
                sender.process.stdin.flush()
                self.assertEqual(content(self.udp), line)
            sender.process.stdin.close()
            self.assertEqual(sender.wait(), 0)

    def test_hexadecimal_digits(self):
        sent(self.address, "48 65:6c6C-00,0xff", "--hex")
        self.assertEqual(content(self.udp), b"Hell\x00\xff")
        sent(self.address, "--hex", given=b"00\nff\n\n")
        self.assertEqual([content(self.udp) for _ in range(3)], [b"\0", b"\xff", b""])

    def test_a_file(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "file")
            for data in (b"", b"one\ntwo\n", os.urandom(LARGEST)):
                with open(path, "wb") as file:
                    file.write(data)
                sent(self.address, "--file", path)
                self.assertEqual(content(self.udp), data)
            sent(self.address, "--file", "-", given=b"one\ntwo\n")
            self.assertEqual(content(self.udp), b"one\ntwo\n")

    def test_every_size(self):
        for size in (0, 1, 1472, 1473, 8192, 8193, 65506, LARGEST):
            with self.subTest(size):
                sent(self.address, "--file", "-", given=b"x" * size)
                self.assertEqual(content(self.udp), b"x" * size)

    def test_encodings(self):
        text = "漢字kanji"
        for encoding in ("gb18030", "gbk", "big5", "shift_jis", "utf-8", "utf-16le"):
            sent(self.address, text, "--encoding", encoding)
            self.assertEqual(content(self.udp).decode(encoding), text)
        sent(self.address, "你好", "--encoding", "gb2312")
        self.assertEqual(content(self.udp), b"\xc4\xe3\xba\xc3")

    def test_what_an_encoding_lacks_is_said(self):
        done = send(self.address, "a😀b", "--encoding", "gb2312")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, b"headrace: 1 character could not be said in gb2312 and was "
                                      b"replaced\n")
        self.assertRegex(content(self.udp), rb"\Aa.+b\Z")

    def test_numbers(self):
        sent(self.address, "hello", "--count", "3")
        datagrams = [content(self.udp).decode() for _ in range(3)]
        run_ = re.match(r"#([0-9a-f]{8}) ", datagrams[0]).group(1)
        self.assertEqual(datagrams, [f"#{run_} {index}/3 hello" for index in (1, 2, 3)])
        sent(self.address, "--count", "1")
        other = content(self.udp).decode()
        self.assertRegex(other, r"\A#[0-9a-f]{8} 1/1\Z")
        self.assertNotIn(run_, other)

    def test_numbers_before_an_encoding(self):
        sent(self.address, "你", "--count", "1", "--encoding", "utf-16le")
        self.assertRegex(content(self.udp), rb"\A#[0-9a-f]{8} 1/1 \x60\x4f\Z")

    def test_interval(self):
        """At least that long lies between two; how much more is the machine's affair."""
        began = time.monotonic()
        sent(self.address, "--count", "3", "--interval", "50ms")
        self.assertGreaterEqual(time.monotonic() - began, 0.1)
        for _ in range(3):
            content(self.udp)


class Replies(unittest.TestCase):
    def setUp(self):
        self.udp = peer()
        self.addCleanup(self.udp.close)
        self.address = f"127.0.0.1:{port_of(self.udp)}"
        self.prefix = f"udp://127.0.0.1:{port_of(self.udp)} "

    def test_are_printed_as_they_come(self):
        with Running("send", self.address, "hello", "--wait=30s") as sender:
            data, asker = self.udp.recvfrom(100)
            self.assertEqual(data, b"hello")
            for index, reply in enumerate(("one", "", "你好")):
                self.udp.sendto(reply.encode(), asker)
                self.assertEqual(sender.out.line(index).decode(), self.prefix + reply)

    def test_end_with_silence(self):
        with Running("send", self.address, "--wait=50ms", stdin=subprocess.PIPE) as sender:
            sender.process.stdin.write(b"hello\n")
            sender.process.stdin.flush()
            self.udp.sendto(b"reply", self.udp.recvfrom(100)[1])
            sender.out.line(0)  # however late: the wait begins with the end of the input
            sender.process.stdin.close()
            self.assertEqual(sender.wait(), 0)
            self.assertEqual(sender.out.data.decode(), self.prefix + "reply\n")

    def test_that_do_not_come_are_a_failure(self):
        for arguments in (("--wait=20ms",), ("--wait=20ms", "--encoding", "gbk")):
            done = send(self.address, "hello", *arguments)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertRegex(done.stderr.decode(), r"no reply within 20ms\n\Z")

    def test_without_a_time_are_waited_for_a_second(self):
        done = send(self.address, "hello", "--wait")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no reply within 1s", done.stderr)

    def test_come_between_lines(self):
        with Running("send", self.address, "--wait=50ms", stdin=subprocess.PIPE) as sender:
            for index in range(3):
                sender.process.stdin.write(b"line %d\n" % index)
                sender.process.stdin.flush()
                data, asker = self.udp.recvfrom(100)
                self.udp.sendto(data.upper(), asker)
                self.assertEqual(sender.out.line(index).decode(), f"{self.prefix}LINE {index}")
            sender.process.stdin.close()
            self.assertEqual(sender.wait(), 0)

    def test_of_others_are_not_heard(self):
        with Running("send", self.address, "hello", "--wait=30s") as sender, peer() as other:
            asker = self.udp.recvfrom(100)[1]
            other.sendto(b"forged", asker)
            self.udp.sendto(b"genuine", asker)
            self.assertEqual(sender.out.line(0).decode(), self.prefix + "genuine")

    def test_are_decoded(self):
        with Running("send", self.address, "你", "--encoding", "gbk", "--wait=30s") as sender:
            data, asker = self.udp.recvfrom(100)
            self.udp.sendto(data + "好".encode("gbk"), asker)
            self.assertEqual(sender.out.line(0).decode(), self.prefix + "你好")

    def test_are_dumped_with_hex(self):
        with Running("send", self.address, "ff", "--hex", "--wait=30s") as sender:
            data, asker = self.udp.recvfrom(100)
            self.udp.sendto(data, asker)
            self.assertEqual(sender.out.line(0).decode(), self.prefix + "1 byte")
            self.assertRegex(sender.out.line(1).decode(), r"\A  00000000  ff +\|\.\|\Z")

    def test_on_a_terminal_are_escaped(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        with subprocess.Popen([PROGRAM, "send", self.address, "hello", "--wait=30s"],
                              stdin=subprocess.DEVNULL, stdout=theirs) as process:
            os.close(theirs)
            self.udp.sendto(b"\x1b[2J\xff", self.udp.recvfrom(100)[1])
            shown = b""
            while b"\n" not in shown:
                shown += os.read(ours, 1000)
            process.kill()
        self.assertIn(rb"\x1b[2J\xff", shown)

    def test_to_a_reader_who_has_left(self):
        ours, theirs = os.pipe()
        os.close(ours)
        process = subprocess.Popen([PROGRAM, "send", self.address, "hello", "--wait=30s"],
                                   stdin=subprocess.DEVNULL, stdout=theirs,
                                   stderr=subprocess.PIPE)
        os.close(theirs)
        self.udp.sendto(b"reply", self.udp.recvfrom(100)[1])
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn(b"headrace: write to stdout: ", process.stderr.read())
        process.stderr.close()


class Failures(unittest.TestCase):
    def says(self, status, arguments, *fragments, **options):
        done = send(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
        text = done.stderr.decode()
        self.assertRegex(text, r"\Aheadrace: [^\n]*\n\Z")
        for fragment in fragments:
            self.assertIn(fragment, text)

    def closed_port(self):
        return f"127.0.0.1:{self.enterContext(deaf_port())}"

    def test_a_port_where_nobody_receives(self):
        self.says(1, [self.closed_port(), "hello", "--wait=30s"], "connection refused",
                  "nobody receives at that port", "headrace receive udp://127.0.0.1:")

    def test_a_port_where_nobody_receives_without_waiting(self):
        """The second send is told of the first, whenever that came back."""
        self.says(1, [self.closed_port(), "hello", "--count", "1000", "--interval", "20ms"],
                  "connection refused", "of 1000 were sent")

    def test_a_port_where_nobody_receives_ends_the_wait_for_lines(self):
        with Running("send", self.closed_port(), stdin=subprocess.PIPE) as sender:
            sender.process.stdin.write(b"hello\n")
            sender.process.stdin.flush()
            self.assertEqual(sender.wait(), 1)
            self.assertIn(b"connection refused", sender.err.data)

    def test_too_long(self):
        with peer() as udp:
            address = f"127.0.0.1:{port_of(udp)}"
            over = b"x" * (LARGEST + 1)
            self.says(1, [address], "line 1: 65508 bytes are more than the 65507", given=over)
            self.says(1, [address, "--file", "-"], "stdin: over 65507 bytes", given=over)
            self.says(1, [address, "--file", "/dev/zero"], "/dev/zero: over 65507 bytes")
            self.says(1, [address, "--file", "-", "--hex"], "65508 bytes are more than",
                      given=b"00" * (LARGEST + 1))
            self.says(1, [address, "--file", "-", "--count", "9"], "with its number: 65521 bytes",
                      given=b"x" * LARGEST)
            self.says(1, [address, "--file", "-", "--encoding", "utf-16le"], "131012 bytes",
                      given=b"x" * 65506)

    def test_a_line_too_long_leaves_the_others(self):
        with peer() as udp:
            done = send(f"127.0.0.1:{port_of(udp)}", given=b"a\n" + b"x" * 200_000 + b"\nb\n")
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"line 2: 200000 bytes", done.stderr)
            self.assertEqual([content(udp), content(udp)], [b"a", b"b"])

    def test_no_permission(self):
        self.says(1, ["127.255.255.255:7789", "hello"], "permission denied", "--broadcast")

    def test_a_name_that_nobody_has(self):
        self.says(1, ["nobody.invalid:7789", "hello"], "send to udp://nobody.invalid:7789",
                  "name")

    def test_a_link_local_address_needs_its_interface(self):
        self.says(1, ["[fe80::1]:7789", "hello"], "say by which interface: [fe80::1%eth0]")
        self.says(1, ["[fe80::1%none7]:7789", "hello"], "'ip link' lists the interfaces")

    def test_a_file_that_is_not_there(self):
        self.says(1, ["7789", "--file", "/nonexistent"], "/nonexistent: No such file")
        self.says(1, ["7789", "--file", "/"], "/: Is a directory")

    def test_a_unix_receiver_that_is_not_there(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "in.sock")
            address = "unix-datagram:" + path
            self.says(1, [address, "hello"], f"send to {address}: No such file",
                      f"try 'headrace receive {address}'")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
                stale.bind(path)
            self.says(1, [address, "hello"], "connection refused", "nobody receives there")

    def test_wrong_usage(self):
        for arguments, *fragments in (
                (["tcp://127.0.0.1:1", "x"], "did you mean 'udp://127.0.0.1:1'?"),
                (["0", "x"], "port 0 is nobody's"),
                (["*:1", "x"], "'*' is where to receive"),
                (["1", "x", "--file", "y"], "not both"),
                (["1", "zz", "--hex"], "'z' at place 1"),
                (["1", "00", "--hex", "--encoding", "gbk"], "--hex"),
                (["1", "x", "--ttl", "256"], "--ttl", "at most 255"),
                (["1", "x", "--ttl", "0"], "at least 1"),
                (["1", "x", "--interval", "5"], "write 5s"),
                (["1", "x", "--wait=0s"], "no time at all"),
                (["1", "x", "--interface", "nosuch"], "there is no interface 'nosuch'"),
                (["unix-datagram:/tmp/x", "x", "--ttl", "2"], "udp://"),
                (["1", "x", "--encoding", "gb2132"], "gb2312"),
                (["1", "x", "y"], "one argument too many"),
                (["1", "x", "--tll", "3"], "did you mean '--ttl'?")):
            with self.subTest(arguments):
                self.says(2, arguments, *fragments)
        done = run("send")
        self.assertEqual(done.returncode, 2)
        self.assertIn("which ADDR?", done.stderr)


class Places(unittest.TestCase):
    def test_ipv6(self):
        with peer(socket.AF_INET6, "::1") as udp:
            sent(f"[::1]:{port_of(udp)}", "hello")
            self.assertEqual(content(udp), b"hello")

    def test_broadcast_on_loopback(self):
        with Receiver("--broadcast", address="0") as receiver:
            done = send(f"127.255.255.255:{receiver.port}", "hello", "--broadcast")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertRegex(receiver.out.line(0).decode(), r"udp://127\.0\.0\.1:\d+ hello")

    def test_an_ipv4_group_on_loopback(self):
        with Receiver("--join", "239.7.7.7", "--interface", "lo", address="0") as receiver:
            sent(f"udp://239.7.7.7:{receiver.port}", "to the group", "--interface", "lo")
            self.assertRegex(receiver.out.line(0).decode(), "to the group")

    def test_ttl(self):
        with peer() as udp:
            udp.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            sent(f"127.0.0.1:{port_of(udp)}", "hello", "--ttl", "7")
            data, extra, _, _ = udp.recvmsg(100, 100)
            self.assertEqual(data, b"hello")
            self.assertEqual(int.from_bytes(extra[0][2], "little"), 7)

    def test_a_unix_receiver(self):
        with scratch_directory() as directory, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as udp:
            udp.settimeout(PATIENCE)
            udp.bind(os.path.join(directory, "in.sock"))
            with Running("send", f"unix-datagram:{directory}/in.sock", "hello",
                         "--wait=30s") as sender:
                data, asker = udp.recvfrom(100)
                self.assertEqual(data, b"hello")
                udp.sendto(b"reply", asker)
                self.assertTrue(sender.out.line(0).endswith(b"in.sock reply"))

    def test_a_unix_receiver_whose_queue_is_full(self):
        """The sender waits for it, and loses nothing."""
        with scratch_directory() as directory, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as udp:
            udp.settimeout(PATIENCE)
            udp.bind(os.path.join(directory, "in.sock"))
            with Running("send", f"unix-datagram:{directory}/in.sock", "--count",
                         "1000") as sender:
                got = [content(udp).split()[1] for _ in range(1000)]
                self.assertEqual(got, [b"%d/1000" % index for index in range(1, 1001)])
                self.assertEqual(sender.wait(), 0)

    def test_a_receiver_of_ours_for_numbers(self):
        with Receiver("--json", "--count", "500", "--kernel-buffer", "8MiB") as receiver:
            sent(receiver.address, "ping", "--count", "500")
            self.assertEqual(receiver.wait(), 0)
            self.assertIn(b'"came":500,"lost":0,"repeated":0,"reordered":0,"unseen":0',
                          receiver.err.data)


class AtATerminal(unittest.TestCase):
    """stdin, stdout and stderr are a terminal, and a person types."""

    def setUp(self):
        self.udp = peer()
        self.addCleanup(self.udp.close)
        self.ours, theirs = pty.openpty()
        self.addCleanup(os.close, self.ours)
        self.shown = b""
        self.theirs = theirs

    def run_(self, *words):
        self.process = subprocess.Popen([PROGRAM, *words], stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs)
        os.close(self.theirs)

    def wait_for(self, text):
        while text not in self.shown:
            self.shown += os.read(self.ours, 1000)

    def type(self, text):
        os.write(self.ours, text)

    def test_a_missing_address_is_asked_for(self):
        self.run_("send")
        self.wait_for(b"ip: ")
        self.type(b"127.0.0.1\n")
        self.wait_for(b"port: ")
        self.type(b"%d\n" % port_of(self.udp))
        self.wait_for(b"> ")
        self.type("你好\n".encode())
        self.assertEqual(content(self.udp), "你好".encode())
        self.type(b"\x04")
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_an_end_of_file_instead_of_an_address(self):
        self.run_("send")
        self.wait_for(b"ip: ")
        self.type(b"\x04")
        self.assertEqual(self.process.wait(PATIENCE), 2)


if __name__ == "__main__":
    unittest.main()
