# SPDX-License-Identifier: MIT
#
# `headrace serve` at datagram addresses, as a user sees it: what it says, what it answers, and what
# it does with senders that somebody forged. Those are sent through raw sockets, in a network
# namespace of their own, where the server is the only one there.
import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest

from _program import PATIENCE, PROGRAM, Server, built_models, run, scratch_directory

ANY_UDP = "udp://127.0.0.1:0"
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def port_of(server, index=0):
    return int(re.search(r'udp://(?:\[[^]]*\]|[^:"\s]*):(\d+)', server.listening[index]).group(1))


def client(port=None, host="127.0.0.1"):
    """A UDP socket, connected if `port` is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.settimeout(PATIENCE)
    if port is not None:
        made.connect((host, port))
    return made


def ask(peer, question):
    peer.send(question)
    return peer.recv(70000)


def datagram_models():
    return [name for name in built_models() if name not in ("process", "thread")]


class Log(unittest.TestCase):
    def test_counts_each_datagram_with_v(self):
        for model in datagram_models():
            with self.subTest(model), Server("--model", model, "-v", listen=[ANY_UDP]) as server:
                self.assertNotIn("backlog", server.listening[0])
                with client(port_of(server)) as peer:
                    for number, text in enumerate((b"one", b"\x1b[31mtwo", b""), 1):
                        self.assertEqual(ask(peer, text), text)
                        line = server.wait_for(rf"\A{number} from udp://127\.0\.0\.1:\d+, ")
                        self.assertIn(f", {len(text)} bytes: ", line)
                        self.assertNotIn("\x1b", line)
                self.assertEqual(server.stop(), 0)
                self.assertRegex(server.lines[-1], r"\Astopped after .*: 3 datagrams in, 3 out, "
                                                   r"11 B in, 11 B out\Z")

    def test_as_json(self):
        with Server("--log-format", "json", "-v", "--stats", "1s", listen=[ANY_UDP]) as server:
            with client(port_of(server)) as peer:
                self.assertEqual(ask(peer, b"hello"), b"hello")
                server.wait_for('"statistics"')
            self.assertEqual(server.stop(), 0)
            one = server.objects("datagram")[0]
            self.assertEqual((one["number"], one["bytes"], one["text"]), (1, 5, "hello"))
            counts = server.objects("stopped")[0]["datagrams"]
            self.assertEqual((counts["received"], counts["sent"], counts["dropped"]), (1, 1, 0))

    def test_statistics_under_every_model(self):
        for model in datagram_models():
            with self.subTest(model), Server("--model", model, "--stats", "100ms",
                                             listen=[ANY_UDP]) as server:
                with client(port_of(server)) as peer:
                    self.assertEqual(ask(peer, b"hello"), b"hello")
                server.wait_for("stats: 1 datagram in, 1 out, 5 B in, 5 B out")

    def test_interactive(self):
        with Server("--interactive", listen=[ANY_UDP], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE) as server:
            with client(port_of(server)) as peer:
                self.assertEqual(ask(peer, b"hello"), b"hello")
            server.process.stdin.write(b"stats\nquit\n")
            server.process.stdin.close()
            self.assertIn(b"1 datagram in, 1 out", server.process.stdout.read())
            self.assertEqual(server.wait(), 0)
            server.process.stdout.close()


class Refusals(unittest.TestCase):
    def test_models_without_datagrams(self):
        for model, what in (("process", "a process"), ("thread", "a thread")):
            done = run("serve", "echo", "--listen", ANY_UDP, "--model", model)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"model {model} makes {what} for each connection", done.stderr)
            self.assertIn("epoll-edge", done.stderr)

    def test_services_without_datagrams(self):
        for service in ("reply", "talk"):
            done = run("serve", service, "--listen", ANY_UDP)
            self.assertEqual(done.returncode, 2)
            self.assertIn("the service is for connections", done.stderr)

    def test_second_server(self):
        for workers in ("1", "2"):
            with Server("--workers", workers, listen=[ANY_UDP]) as server:
                address = f"udp://127.0.0.1:{port_of(server)}"
                for others in ("1", "2"):
                    done = run("serve", "echo", "--listen", address, "--workers", others)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("address in use", done.stderr)

    def test_second_server_at_a_unix_path(self):
        with scratch_directory() as directory:
            address = "unix-datagram:" + os.path.join(directory, "echo")
            with Server(listen=[address]) as server:
                done = run("serve", "echo", "--listen", address)
                self.assertEqual(done.returncode, 1)
                self.assertIn("address in use", done.stderr)
                self.assertEqual(server.stop(), 0)
            with Server(listen=[address]) as server:  # killed: its path is stale
                server.process.kill()
                server.wait()
            with Server(listen=[address]) as server:
                self.assertEqual(server.stop(), 0)


class Marks(unittest.TestCase):
    """Answers say that they are answers, and what says so is not answered."""

    MARK = 0b000111 << 2

    def say(self, peer, mark):
        if peer.family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, mark)
        else:
            peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, mark)

    def mark_of_next(self, peer):
        if peer.family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        peer.send(b"?")
        _, extra, _, _ = peer.recvmsg(100, 100)
        return extra[0][2][0]

    def test_are_on_answers_and_marked_ones_are_not_answered(self):
        hosts = {"udp://127.0.0.1:0": ["127.0.0.1"], "udp://[::1]:0": ["::1"],
                 "udp://*:0": ["127.0.0.1", "::1"]}
        for model in datagram_models():
            for listen, peers in hosts.items():
                for host in peers:
                    with self.subTest(model=model, listen=listen, host=host), \
                         Server("--model", model, "--log-format", "json",
                                listen=[listen]) as server, \
                         client(port_of(server), host) as peer:
                        self.assertEqual(self.mark_of_next(peer), self.MARK)
                        for mark in (self.MARK, self.MARK | 3):  # routers write on the last two bits
                            self.say(peer, mark)
                            peer.send(b"an answer")
                        for mark in (0, 0xb8, self.MARK | 0x80):
                            self.say(peer, mark)
                            self.assertEqual(ask(peer, b"a question"), b"a question")
                        counts = counts_at_end(server)
                        self.assertEqual((counts["sent"], counts["unanswered"]), (4, 2))

    def test_allow_reflect(self):
        with Server("--allow-reflect", listen=[ANY_UDP]) as server, \
             client(port_of(server)) as peer:
            self.say(peer, self.MARK)
            self.assertEqual(ask(peer, b"an answer"), b"an answer")
            self.assertEqual(self.mark_of_next(peer), self.MARK)  # others may be stricter


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forge(source, source_port, port, payload):
    """Sends a UDP datagram to this machine as if it came from somebody else."""
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", source_port, port, length, 0) + payload
    if ":" in source:
        here = socket.inet_pton(socket.AF_INET6, "::1")
        hosts = socket.inet_pton(socket.AF_INET6, source) + here
        whole = checksum(hosts + struct.pack("!II", length, socket.IPPROTO_UDP) + udp)
        udp = udp[:6] + struct.pack("!H", whole) + payload
        header = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + hosts
        family, to = socket.AF_INET6, "::1"
    else:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, 17, 0,
                             socket.inet_aton(source), socket.inet_aton("127.0.0.1"))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        family, to = socket.AF_INET, "127.0.0.1"
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(header + udp, (to, 0))


def textbook_echo_server(port):
    """The one of the notes: answers everything, for ever."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))

    def serve():
        while True:
            data, sender = udp.recvfrom(1024)
            udp.sendto(data, sender)

    threading.Thread(target=serve, daemon=True).start()


def enter_own_network():
    """A network namespace with nothing but a loopback interface; False where that is forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    with socket.socket() as any_socket:
        request = bytearray(struct.pack("16sH22x", b"lo", 1))  # IFF_UP
        import fcntl  # pylint: disable=import-outside-toplevel
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
    return True


def counts_at_end(server):
    status = server.stop()
    assert status == 0, status
    return server.objects("stopped")[0]["datagrams"]


class Forged(unittest.TestCase):
    """Runs in a process of its own, which has a network namespace of its own."""

    def test_senders_that_cannot_or_should_not_be_answered(self):
        for model in datagram_models():
            with self.subTest(model), Server("--model", model, "--log-format", "json",
                                             listen=["udp://127.0.0.1:5000"]) as server:
                junk = [("127.0.0.1", 0), ("255.255.255.255", 4000), ("127.0.0.1", 7),
                        ("127.0.0.1", 1023), ("127.0.0.1", 5000), ("224.0.0.1", 4000)]
                for source, port in junk:
                    forge(source, port, 5000, b"junk")
                with client(5000) as peer:
                    self.assertEqual(ask(peer, b"fine"), b"fine")
                counts = counts_at_end(server)
                self.assertEqual(counts["sent"], 1)
                # Of senders that no route can have, the kernel drops some by itself.
                self.assertGreaterEqual(counts["unanswered"], 4)
                self.assertEqual(counts["received"], counts["unanswered"] + 1)

    def test_two_echo_servers_pointed_at_each_other_fall_silent_at_once(self):
        """At any port: what the first one answers says that it is an answer."""
        for model in datagram_models():
            for host in ("127.0.0.1", "::1"):
                where = "[::1]" if ":" in host else host
                with self.subTest(model=model, host=host), \
                     Server("--model", model, "--log-format", "json",
                            listen=[f"udp://{where}:5001"]) as one, \
                     Server("--model", model, "--log-format", "json",
                            listen=["udp://*:40000"]) as other:
                    forge(host, 40000, 5001, b"ping")
                    counts = counts_at_end(one)
                    self.assertEqual((counts["received"], counts["sent"]), (1, 1))
                    counts = counts_at_end(other)
                    self.assertEqual((counts["received"], counts["sent"]), (1, 0))
                    self.assertEqual(counts["unanswered"], 1)

    def test_a_textbook_echo_server_is_left_alone_after_a_while(self):
        """It marks nothing. But it is at a port of its own, and sends the same again and again."""
        textbook_echo_server(5003)
        under_way = 100
        with Server("--stats", "100ms", listen=["udp://127.0.0.1:5001"]) as server:
            for _ in range(under_way):
                forge("127.0.0.1", 5003, 5001, b"ping")
            # Each of them goes round until it is one too many in its second.
            server.wait_for(f", {under_way} unanswerable")
            self.assertEqual(server.stop(), 0)
            counts = re.search(r": (\d+) datagrams in, (\d+) out, ", server.lines[-1])
            received, sent = (int(count) for count in counts.groups())
            self.assertGreater(sent, 900)
            self.assertEqual(received, sent + under_way)

    def test_a_client_at_a_port_of_its_own_may_say_the_same_again(self):
        with Server(listen=["udp://127.0.0.1:5001"]) as server, client() as peer:
            peer.bind(("127.0.0.1", 5004))
            peer.connect(("127.0.0.1", 5001))
            for _ in range(900):
                self.assertEqual(ask(peer, b"the same"), b"the same")

    def test_two_echo_servers_of_old_fall_silent(self):
        with Server("--log-format", "json", listen=["udp://127.0.0.1:7"]) as one, \
             Server("--log-format", "json", listen=["udp://127.0.0.1:77"]) as other:
            forge("127.0.0.1", 77, 7, b"ping")
            forge("127.0.0.1", 7, 77, b"pong")
            for server in (one, other):
                counts = counts_at_end(server)
                self.assertEqual((counts["received"], counts["sent"]), (1, 0))

    def test_two_addresses_of_one_server_do_not_talk_to_each_other(self):
        with Server("--log-format", "json",
                    listen=["udp://127.0.0.1:5001", "udp://*:5002"]) as server:
            forge("127.0.0.1", 5001, 5002, b"ping")
            forge("127.0.0.1", 5002, 5001, b"pong")
            counts = counts_at_end(server)
            self.assertEqual((counts["received"], counts["sent"]), (2, 0))

    def test_allow_reflect(self):
        with Server("--allow-reflect", "--log-format", "json",
                    listen=["udp://127.0.0.1:5000"]) as server, client() as small:
            small.bind(("127.0.0.1", 7))
            small.sendto(b"small", ("127.0.0.1", 5000))
            self.assertEqual(small.recv(100), b"small")
            self.assertEqual(counts_at_end(server)["unanswered"], 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--forged"]:
        if not enter_own_network():
            sys.exit(77)
        unittest.main(argv=[sys.argv[0], "Forged"])
    status = subprocess.run([sys.executable, __file__, "--forged"], check=False).returncode
    if status not in (0, 77):
        sys.exit(status)
    unittest.main(argv=[sys.argv[0], "Log", "Refusals", "Marks"])
