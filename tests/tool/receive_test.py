# SPDX-License-Identifier: MIT
#
# `headrace receive`: what it prints of what comes, what it says about the way there, and how it
# ends. The senders are plain sockets.
import errno
import json
import os
import signal
import socket
import subprocess
import unittest

from _datagrams import ANYWHERE, LARGEST, Receiver, Running, peer, port_of
from _program import PATIENCE, PROGRAM, run, scratch_directory, shown_on

SIZES = (0, 1, 15, 16, 17, 511, 512, 1023, 1024, 1400, 1472, 1473, 4096, 8191, 8192, 8193, 16384,
         32768, 65506, LARGEST)


class Content(unittest.TestCase):
    def test_sender_and_content_as_soon_as_it_comes(self):
        with Receiver() as receiver, peer() as udp:
            for index, text in enumerate((b"1111", b"", "你好".encode(), b"last")):
                udp.sendto(text, ("127.0.0.1", receiver.port))
                expected = b"udp://127.0.0.1:%d %s" % (port_of(udp), text)
                self.assertEqual(receiver.out.line(index), expected)
            self.assertEqual(receiver.interrupt(), 0)

    def test_every_size(self):
        with Receiver("--json", "--hex", "--kernel-buffer", "8MiB") as receiver, peer() as udp:
            for index, size in enumerate(SIZES):
                data = (bytes(range(256)) * 256)[:size]
                udp.sendto(data, ("127.0.0.1", receiver.port))
                got = json.loads(receiver.out.line(index))
                self.assertEqual((got["size"], got["hex"]), (size, data.hex()))
                self.assertNotIn("taken", got)
            self.assertEqual(receiver.summary()["bytes"], sum(SIZES))

    def test_raw_is_the_content_and_nothing_else(self):
        data = os.urandom(LARGEST)
        with Receiver("--raw", "--count", "3") as receiver, peer() as udp:
            for part in (data, b"", b"\n"):
                udp.sendto(part, ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(receiver.out.data, data + b"\n")

    def test_content_in_a_pipe_is_as_it_came(self):
        with Receiver("--count", "2") as receiver, peer() as udp:
            sender = b"udp://127.0.0.1:%d " % port_of(udp)
            udp.sendto(b"a\x1b[31m\\b\xff\n", ("127.0.0.1", receiver.port))
            udp.sendto(b"c", ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(receiver.out.data,
                             sender + b"a\x1b[31m\\b\xff\n" + sender + b"c\n")

    def test_content_on_a_terminal_is_escaped(self):
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "receive", ANYWHERE, "--count", "1"],
                                   stdin=subprocess.DEVNULL, stdout=theirs,
                                   stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        port = int(process.stderr.readline().split()[2].rsplit(b":", 1)[1])
        with peer() as udp:
            udp.sendto("a\x1b[31m\n\u202e你\x9b".encode() + b"\xff", ("127.0.0.1", port))
        self.assertEqual(process.wait(PATIENCE), 0)
        process.stderr.close()
        self.assertTrue(shown_on(ours).decode().rstrip().endswith(
            r" a\x1b[31m\n\u{202E}你\u{9B}\xff"))

    def test_hex_dump(self):
        with Receiver("--hex", "--count", "1") as receiver, peer() as udp:
            udp.sendto(b"Hello\n\x00\xff", ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(receiver.out.data.decode(),
                             f"udp://127.0.0.1:{port_of(udp)} 8 bytes\n  00000000  "
                             "48 65 6c 6c 6f 0a 00 ff                           |Hello...|\n")

    def test_verbose_shows_raw_and_decoded(self):
        with Receiver("-v", "--encoding", "gb2312", "--count", "1") as receiver, peer() as udp:
            udp.sendto("你好".encode("gb2312"), ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.wait(), 0)
            first, raw, decoded = receiver.out.data.decode().splitlines()
            self.assertRegex(first, r"\A\d{4}-\d\d-\d\dT[0-9:.]+Z udp://127\.0\.0\.1:\d+ 4 bytes\Z")
            self.assertEqual(raw, r"  raw      \xc4\xe3\xba\xc3")
            self.assertEqual(decoded, "  decoded  你好")

    def test_every_tested_encoding(self):
        text = "漢字kanji"
        for encoding in ("gb18030", "gbk", "utf-8", "big5", "shift_jis", "utf-16le"):
            with self.subTest(encoding), peer() as udp, \
                    Receiver("--encoding", encoding, "--count", "2") as receiver:
                udp.sendto(text.encode(encoding), ("127.0.0.1", receiver.port))
                # Behind a number, which is ASCII in any encoding.
                udp.sendto(b"#0000000a 1/1 " + text.encode(encoding), ("127.0.0.1", receiver.port))
                self.assertEqual(receiver.wait(), 0)
                lines = receiver.out.data.decode().splitlines()
                self.assertEqual([line.split(" ", 1)[1] for line in lines],
                                 [text, "#0000000a 1/1 " + text])

    def test_bytes_not_of_the_encoding_are_counted_and_kept(self):
        with Receiver("--json", "--encoding", "gb2312") as receiver, peer() as udp:
            udp.sendto(b"\xc4\xe3\xff\xc4", ("127.0.0.1", receiver.port))
            udp.sendto(b"\xe3", ("127.0.0.1", receiver.port))  # no rest of the one before
            first, second = receiver.objects(2)
            self.assertEqual((first["text"], first["invalid"]), ("你\ufffd\ufffd", 2))
            self.assertEqual(first["hex"], "c4e3ffc4")
            self.assertEqual(second["text"], "\ufffd")

    def test_json_of_bytes_that_are_no_text(self):
        with Receiver("--json") as receiver, peer() as udp:
            udp.sendto(b"\xff\x00\"\n", ("127.0.0.1", receiver.port))
            got, = receiver.objects(1)
            self.assertEqual(got["text"], "\ufffd\x00\"\n")
            self.assertEqual((got["size"], got["hex"]), (4, "ff00220a"))
            self.assertEqual(got["sender"], f"udp://127.0.0.1:{port_of(udp)}")


class Ends(unittest.TestCase):
    def test_ctrl_c_and_sigterm_end_it_with_a_summary(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), Receiver() as receiver, peer() as udp:
                udp.sendto(b"hello", ("127.0.0.1", receiver.port))
                receiver.out.line(0)
                receiver.process.send_signal(number)
                self.assertEqual(receiver.wait(), 0)
                self.assertRegex(receiver.err.data.decode().splitlines()[-1],
                                 r"\Areceived 1 datagram, 5 bytes, in .*s\Z")

    def test_ctrl_c_before_anything_came(self):
        for _ in range(20):
            with Receiver() as receiver:
                self.assertEqual(receiver.interrupt(), 0, receiver.err.data)
                self.assertIn(b"received 0 datagrams", receiver.err.data)

    def test_count(self):
        with Receiver("--count", "2") as receiver, peer() as udp:
            for text in (b"one", b"two", b"three"):
                udp.sendto(text, ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(len(receiver.out.data.splitlines()), 2)

    def test_timeout_without_anything_is_a_failure(self):
        with Receiver("--timeout", "50ms") as receiver:
            self.assertEqual(receiver.wait(), 1)
            self.assertRegex(receiver.err.data.decode(),
                             r"headrace: receive on udp://127\.0\.0\.1:0: nothing came "
                             r"within 50ms\n")

    def test_timeout_after_something_is_an_end_and_before_the_count_a_failure(self):
        with Receiver("--timeout", "4s") as receiver, \
                Receiver("--timeout", "4s", "--count", "3") as counting, peer() as udp:
            udp.sendto(b"x", ("127.0.0.1", receiver.port))
            udp.sendto(b"x", ("127.0.0.1", counting.port))
            self.assertEqual(receiver.wait(), 0)
            self.assertEqual(counting.wait(), 1)
            self.assertIn(b"1 of 3 came", counting.err.data)

    def test_a_reader_who_leaves(self):
        with Receiver() as receiver, peer() as udp:
            # The reading thread holds the pipe; a second receiver is given one without.
            ours, theirs = os.pipe()
            process = subprocess.Popen([PROGRAM, "receive", ANYWHERE], stdout=theirs,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            os.close(theirs)
            port = int(process.stderr.readline().split()[2].rsplit(b":", 1)[1])
            os.close(ours)
            udp.sendto(b"x", ("127.0.0.1", port))
            self.assertEqual(process.wait(PATIENCE), 1)
            said = process.stderr.read()
            process.stderr.close()
            self.assertIn(b"headrace: write to stdout: ", said)
            self.assertIn(b"received 1 datagram", said)
            self.assertEqual(receiver.interrupt(), 0)

    def test_a_reader_who_is_stuck_does_not_hold_up_ctrl_c(self):
        ours, theirs = os.pipe()
        process = subprocess.Popen([PROGRAM, "receive", ANYWHERE, "--raw"], stdout=theirs,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(theirs)
        port = int(process.stderr.readline().split()[2].rsplit(b":", 1)[1])
        with peer() as udp:
            for _ in range(8):  # more than a pipe holds
                udp.sendto(bytes(LARGEST), ("127.0.0.1", port))
        os.read(ours, 1)  # it has begun to write
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0)
        process.stderr.close()
        os.close(ours)

    def test_standard_descriptors_that_are_closed(self):
        done = subprocess.run(["sh", "-c", f'exec "{PROGRAM}" receive {ANYWHERE} --timeout 10ms '
                               "<&- >&- 2>&-"], timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)


class Refusals(unittest.TestCase):
    def says(self, status, arguments, *fragments):
        done = run("receive", *arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Aheadrace: [^\n]*\n\Z")
        for fragment in fragments:
            self.assertIn(fragment, done.stderr)

    def test_an_address_that_is_taken(self):
        with peer() as udp:
            self.says(1, [f"127.0.0.1:{port_of(udp)}"], "address in use (bind)",
                      "held by python", f"(pid {os.getpid()})")

    def test_an_address_of_another_machine(self):
        self.says(1, ["192.0.2.1:8088"], "receive on udp://192.0.2.1:8088", "'ip address'")
        self.says(1, ["[fe80::1]:0"], "say at which interface: [fe80::1%eth0]")
        self.says(1, ["[fe80::1%none7]:0"], "'ip link' lists the interfaces")

    def test_a_directory_that_is_not_there(self):
        self.says(1, ["unix-datagram:/nonexistent/in.sock"], "is its directory there?")

    def test_wrong_usage(self):
        for arguments, *fragments in (
                ([], "which ADDR?"),
                (["hello"], "missing port"),
                (["tcp://127.0.0.1:1"], "did you mean 'udp://127.0.0.1:1'?"),
                (["unix:/tmp/x"], "did you mean 'unix-datagram:/tmp/x'?"),
                (["/tmp/x"], "did you mean 'unix-datagram:/tmp/x'?"),
                (["1", "--join", "10.0.0.1"], "--join", "no group"),
                (["1", "--join", "ff02::1%nosuch"], "no such interface"),
                (["1", "--interface", "nosuch"], "there is no interface 'nosuch'", "lo"),
                (["1", "--interface", "lo"], "--join"),
                (["1", "--count", "0"], "at least 1"),
                (["1", "--timeout", "0s"], "no time at all"),
                (["1", "--buffer", "0"], "64 KiB"),
                (["1", "--buffer", "65KiB"], "64 KiB"),
                (["1", "--encoding", "gb2132"], "no encoding is called 'gb2132'", "gb2312"),
                (["1", "--encoding", "nonsense"], "iconv -l"),
                (["1", "--raw", "--json"], "--raw"),
                (["1", "--raw", "--encoding", "gbk"], "--raw"),
                (["unix-datagram:/tmp/x", "--broadcast"], "udp://"),
                (["1", "2"], "one argument too many")):
            with self.subTest(arguments):
                self.says(2, arguments, *fragments)


class Losses(unittest.TestCase):
    def test_truncation_is_said(self):
        with Receiver("--buffer", "4", "--json") as receiver, peer() as udp:
            for text in (b"abcdefgh", b"abcd"):
                udp.sendto(text, ("127.0.0.1", receiver.port))
            cut, whole = receiver.objects(2)
            self.assertEqual((cut["text"], cut["size"], cut["taken"]), ("abcd", 8, 4))
            self.assertNotIn("taken", whole)
            self.assertEqual(receiver.summary()["cut"], 1)

    def test_truncation_is_said_to_a_person(self):
        with Receiver("--buffer", "4") as receiver, peer() as udp:
            udp.sendto(b"abcdefgh", ("127.0.0.1", receiver.port))
            receiver.err.match(rb"udp://127\.0\.0\.1:\d+: cut: 4 of 8 bytes\n")
            self.assertEqual(receiver.interrupt(), 0)
            self.assertIn(b"\n1 cut: longer than --buffer\n", receiver.err.data)

    def test_numbers_tell_losses_repeats_and_order(self):
        with Receiver("--json") as receiver, peer() as udp:
            for number in (1, 2, 5, 4, 4, 7):
                udp.sendto(b"#0000000a %d/9 x" % number, ("127.0.0.1", receiver.port))
            numbers = [got["number"] for got in receiver.objects(6)]
            self.assertEqual([number["order"] for number in numbers],
                             ["next", "next", "next", "reordered", "repeated", "next"])
            self.assertEqual([number["missing"] for number in numbers], [0, 0, 2, 0, 0, 1])
            self.assertEqual(receiver.summary()["numbered"],
                             {"runs": 1, "came": 5, "lost": 2, "repeated": 1, "reordered": 1,
                              "unseen": 2})

    def test_numbers_are_remarked_upon(self):
        with Receiver("-v") as receiver, peer() as udp:
            for number in (1, 3, 2, 2):
                udp.sendto(b"#0000000a %d/3" % number, ("127.0.0.1", receiver.port))
            for remark in (rb"1 missing before #0000000a 3/3", rb"#0000000a 2/3 came late",
                           rb"#0000000a 2/3 came again"):
                receiver.err.match(remark)
            self.assertEqual(receiver.interrupt(), 0)
            self.assertIn(b"numbered: 3 came in 1 run: 0 lost, 1 repeated, 1 reordered\n",
                          receiver.err.data)


class Places(unittest.TestCase):
    def test_ipv6(self):
        with Receiver(address="[::1]:0") as receiver, \
                peer(socket.AF_INET6, "::1") as udp:
            udp.sendto(b"hello", ("::1", receiver.port))
            self.assertEqual(receiver.out.line(0), b"udp://[::1]:%d hello" % port_of(udp))

    def test_both_families(self):
        with Receiver(address="*:0") as receiver, peer() as four, \
                peer(socket.AF_INET6, "::1") as six:
            four.sendto(b"four", ("127.0.0.1", receiver.port))
            self.assertEqual(receiver.out.line(0), b"udp://127.0.0.1:%d four" % port_of(four))
            six.sendto(b"six", ("::1", receiver.port))
            self.assertEqual(receiver.out.line(1), b"udp://[::1]:%d six" % port_of(six))

    def test_a_shorthand_is_loopback(self):
        with Receiver(address="0") as receiver:
            self.assertTrue(receiver.address.startswith("udp://127.0.0.1:"), receiver.address)

    def test_broadcast_on_loopback_reaches_two_on_one_machine(self):
        with Receiver("--broadcast", address="0") as one, \
                Receiver("--broadcast", address=str(one.port)) as other, peer() as udp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            udp.sendto(b"hello", ("127.255.255.255", one.port))
            for receiver in (one, other):
                self.assertRegex(receiver.out.line(0).decode(), "hello")
                self.assertIn(b"wait msg", receiver.err.data)

    def test_a_unix_socket(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "in.sock")
            with Receiver(address="unix-datagram:" + path) as receiver:
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
                    nobody.sendto(b"hello", path)
                self.assertEqual(receiver.out.line(0), b"unix-datagram:(unnamed) hello")
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as somebody:
                    somebody.bind(os.path.join(directory, "me"))
                    somebody.sendto(b"", path)
                expected = f"unix-datagram:{directory}/me ".encode()
                self.assertEqual(receiver.out.line(1), expected)
                self.assertEqual(receiver.interrupt(), 0)
            self.assertFalse(os.path.exists(path))

    def test_a_unix_path_in_use_and_a_stale_one(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "in.sock")
            address = "unix-datagram:" + path
            with Receiver(address=address) as receiver:
                with Running("receive", address) as second:
                    self.assertEqual(second.wait(), 1)
                    self.assertIn(b"address in use", second.err.data)
                receiver.process.kill()
                receiver.wait()
            self.assertTrue(os.path.exists(path))
            with Receiver(address=address) as receiver:
                self.assertEqual(receiver.interrupt(), 0)
            self.assertFalse(os.path.exists(path))

    def test_a_unix_datagram_longer_than_a_buffer(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "in.sock")
            with Receiver("--json", address="unix-datagram:" + path) as receiver, \
                    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as udp:
                try:
                    udp.sendto(bytes(100_000), path)
                except OSError as error:  # net.core.wmem_default is small here
                    self.assertEqual(error.errno, errno.EMSGSIZE)
                    self.skipTest("the kernel lets nobody send a datagram of that size")
                got, = receiver.objects(1)
                self.assertIsNone(got["size"])
                self.assertEqual(got["taken"], 65536)
                self.assertEqual(receiver.summary()["cut"], 1)


if __name__ == "__main__":
    unittest.main()
