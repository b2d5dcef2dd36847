# SPDX-License-Identifier: MIT
#
# `headrace connect`: what passes, in which form, from where and to whom, and what is refused.
import os
import re
import resource
import socket
import subprocess
import threading
import unittest

from _peers import Client, Peer, connect, receive_to_end
from _program import PATIENCE, PROGRAM, Server, is_sanitized, run, scratch_directory


def echo(peer):
    peer.sendall(receive_to_end(peer))


class Bytes(unittest.TestCase):
    def test_every_byte_passes_a_pipe_as_it_is(self):
        data = bytes(range(256)) * 3 + "你好\r\n\x1b[31m".encode()
        with Peer(echo) as peer:
            self.assertEqual(connect(peer.address, data=data), (0, data, ""))

    def test_a_unix_socket(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "s")
            with Peer(echo, socket.AF_UNIX, path) as peer:
                self.assertEqual(connect(peer.address, data=b"by path"), (0, b"by path", ""))

    def test_ipv6_and_a_name(self):
        with Server(listen=("localhost:0",), awaited=2) as server:
            for host in ("127.0.0.1", "[::1]", "localhost", ""):
                with self.subTest(host):
                    address = f"{host}:{server.port}"
                    self.assertEqual(connect(address, data=b"hello"), (0, b"hello", ""))

    def test_a_conversation_line_by_line(self):
        with Server() as server, Client(str(server.port)) as client:
            for number in range(100):
                line = b"line %d\n" % number
                client.say(line)
                self.assertEqual(client.hear(len(line)), line)
            client.end()
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_much_passes_in_bounded_memory(self):
        size = 4 << 30 if os.environ.get("HEADRACE_NIGHTLY") == "1" else 100 << 20
        with Server() as server:
            script = f"head -c {size} /dev/zero | {PROGRAM} connect {server.port} | wc -c"
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            done = subprocess.run(["bash", "-c", f"set -o pipefail; {script}"], check=True,
                                  capture_output=True, timeout=20 * PATIENCE)
            after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertEqual(int(done.stdout), size)
        if not is_sanitized():  # of the largest child there was so far
            self.assertLess(after, max(before, 30 << 10))

    def test_a_file_a_socket_and_a_directory_as_stdin(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "file")
            with open(path, "wb+") as file:
                file.write(b"skipped, and sent")
                file.seek(9)
                with Peer(echo) as peer, open(path, "rb") as given:
                    given.seek(9)
                    with Client(peer.address, stdin=given) as client:
                        self.assertEqual(client.wait(), (0, b"and sent", ""))
            ours, its = socket.socketpair()
            with Peer(echo) as peer, ours, its:
                ours.sendall(b"by socket")
                ours.shutdown(socket.SHUT_WR)
                with Client(peer.address, stdin=its) as client:
                    self.assertEqual(client.wait(), (0, b"by socket", ""))
            descriptor = os.open(directory, os.O_RDONLY)
            with Peer(echo) as peer, Client(peer.address, stdin=descriptor) as client:
                status, _, err = client.wait()
            os.close(descriptor)
            self.assertEqual((status, err), (1, "headrace: read from stdin: Is a directory\n"))

    def test_stdout_may_be_a_file_that_is_appended_to(self):
        with scratch_directory() as directory, open(os.path.join(directory, "f"), "ab+") as file:
            file.write(b"before, ")
            file.flush()
            with Peer(lambda peer: peer.sendall(b"behind")) as peer:
                with Client(peer.address, stdout=file) as client:
                    self.assertEqual(client.wait()[0], 0)
            file.seek(0)
            self.assertEqual(file.read(), b"before, behind")

    def test_the_streams_stay_blocking_for_others(self):
        ours, its = os.pipe()
        with Peer(echo) as peer, Client(peer.address, stdin=ours) as client:
            os.write(its, b"x")
            os.close(its)
            client.wait()
        self.assertTrue(os.get_blocking(ours))
        os.close(ours)


class Forms(unittest.TestCase):
    def wire_and_shown(self, *arguments, given, answer):
        """What the peer got, and what was written: it answers when it has all."""
        got = []

        def script(peer):
            got.append(receive_to_end(peer))
            for piece in (answer[at:at + 1] for at in range(len(answer))):
                peer.sendall(piece)

        with Peer(script) as peer:
            status, out, err = connect(peer.address, *arguments, data=given)
        self.assertEqual(status, 0, err)
        return got[0], out, err

    def test_encodings(self):
        for name in ("gb2312", "gbk", "gb18030", "utf-8", "utf-16le", "iso-2022-jp"):
            text = "你好, 世界\n" if name != "iso-2022-jp" else "日本、世界\n"
            with self.subTest(name):
                wire = text.encode(name)
                self.assertEqual(self.wire_and_shown("--encoding", name, given=text.encode(),
                                                     answer=wire), (wire, text.encode(), ""))

    def test_what_an_encoding_lacks_is_counted_and_not_fatal(self):
        got, out, err = self.wire_and_shown("--encoding", "gb2312", given="a😀b".encode(),
                                            answer=b"\xff\xc4\xe3")
        self.assertEqual((got, out), (b"a?b", "\ufffd你".encode()))
        self.assertEqual(err, "headrace: 1 character could not be said in gb2312 and was replaced\n"
                         "headrace: 1 byte from the peer was no gb2312 and was replaced\n")

    def test_crlf(self):
        given = b"GET / HTTP/1.0\nHost: x\r\n\n"
        wire = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
        self.assertEqual(self.wire_and_shown("--crlf", given=given, answer=b"a\r\nb\n"),
                         (wire, b"a\r\nb\n", ""))

    def test_crlf_in_an_encoding(self):
        self.assertEqual(self.wire_and_shown("--crlf", "--encoding", "utf-16le", given=b"a\n",
                                             answer=b"")[0], "a\r\n".encode("utf-16le"))

    def test_hex(self):
        shown = b"00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n10 ff\n"
        answer = bytes(range(17)) + b"\xff"
        self.assertEqual(self.wire_and_shown("--hex", given=b"00 fF\n0a0B\t7f\n", answer=answer),
                         (b"\x00\xff\x0a\x0b\x7f", shown, ""))

    def test_bad_hex_is_refused(self):
        for given, why in ((b"00 xx", "'x' is no hexadecimal digit"),
                           (b"0", "only one hexadecimal digit"),
                           (b"0 0", "a byte has two hexadecimal digits")):
            with self.subTest(given), Peer(echo) as peer:
                status, _, err = connect(peer.address, "--hex", data=given)
                self.assertEqual(status, 1)
                self.assertIn(why, err)
                self.assertRegex(err, r"\Aheadrace: stdin: [^\n]*\n\Z")


class Connecting(unittest.TestCase):
    def bound(self):
        """A port of ours at which nobody listens yet."""
        bound = self.enterContext(socket.socket())
        bound.bind(("127.0.0.1", 0))
        return bound, bound.getsockname()[1]

    def fails(self, *arguments, status=1):
        done = connect(*arguments)
        self.assertEqual((done[0], done[1]), (status, b""))
        self.assertRegex(done[2], r"\Aheadrace: [^\n]*\n\Z")
        return done[2]

    def test_where_nobody_listens(self):
        _, port = self.bound()
        err = self.fails(str(port))
        self.assertRegex(err, r"connect to tcp://127\.0\.0\.1:\d+: connection refused \(connect\): "
                              "nobody listens there")
        self.assertIn("there is no such socket", self.fails("unix:/nowhere/s"))
        self.assertIn("nobody listens", self.fails("unix:@headrace-nobody"))

    def test_a_name_that_does_not_exist(self):
        self.assertIn("is 'nosuch.invalid' spelt right?", self.fails("nosuch.invalid:80"))

    def test_a_timeout(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
            fillers = []
            for _ in range(8):  # its queue is full: further handshakes are not answered
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
                fillers.append(filler)
            err = self.fails(str(deaf.getsockname()[1]), "--timeout", "100ms")
            for filler in fillers:
                filler.close()
        self.assertIn("timed out (connect): no answer within 100ms (--timeout)", err)

    def test_retry_until_the_server_is_there(self):
        bound, port = self.bound()
        with Client(str(port), "--retry", "20") as client:
            line = client.process.stderr.readline().decode()
            self.assertRegex(line, r"connection refused .*; trying again in 1s\n\Z")
            with Peer(echo, at=bound):
                client.say(b"there at last")
                client.end()
                status, out, _ = client.wait()
        self.assertEqual((status, out), (0, b"there at last"))

    def test_retry_gives_up(self):
        status, _, err = connect(str(self.bound()[1]), "--retry", "1")
        self.assertEqual((status, len(err.splitlines())), (1, 2))

    def test_source(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for source, host, at in (("127.0.0.5", "127.0.0.5", None), (f":{port}", "127.0.0.1", port),
                                 (f"127.0.0.6:{port}", "127.0.0.6", port)):
            with self.subTest(source):
                with Peer(echo) as peer:
                    self.assertEqual(connect(peer.address, "--source", source, data=b"x")[0], 0)
                self.assertEqual(peer.client[0], host)
                self.assertIn(at, (None, peer.client[1]))
        self.assertIn("'ip address' lists", self.fails("1", "--source", "192.0.2.1"))
        self.assertIn("another family", self.fails("127.0.0.1:1", "--source", "::1"))

    def test_wrong_usage(self):
        for arguments, why in (
                (["*:80"], "'*' is where to listen"), (["0"], "port 0 is nobody's"),
                (["/tmp/s"], "did you mean 'unix:/tmp/s'?"), (["x"], "is no address"),
                ([], "which ADDR?"), (["1", "--encoding", "klingon"], "no encoding is called"),
                (["1", "--hex", "--crlf"], "--hex is bytes"),
                (["1", "--source", "nonsense value"], "is no local address"),
                (["1", "--source", "unix:/x"], "same kind"),
                (["1", "--linger", "5"], "write 5s"), (["1", "--retry", "-1"], "--retry"),
                (["1", "2"], "one argument too many")):
            with self.subTest(arguments):
                self.assertIn(why, self.fails(*arguments, status=2))


if __name__ == "__main__":
    unittest.main()
