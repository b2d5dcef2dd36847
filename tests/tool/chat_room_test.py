# SPDX-License-Identifier: MIT
#
# headrace chat without a server: rooms at broadcast and multicast addresses, between machines
# (network namespaces on a bridge, all made here) and between programs of one machine. On the bridge
# sits an observer with a plain socket: what it gets is what any simple program would.
import re
import socket
import struct
import unittest

from _datagrams import Running
from _namespaces import Namespace, bridge, ip, run_again_in_a_namespace
from _program import PATIENCE, run
from chat_datagrams_test import Chat, chat_with

PORT = 21567
ROOM = f"udp://broadcast:{PORT}"
MACHINES = []


def setUpModule():
    bridge()
    ip("address add 10.77.0.254/24 broadcast 10.77.0.255 dev br0",
       "link set br0 addrgenmode none", "address add fe80::fe/64 dev br0 nodad")
    MACHINES.extend(Namespace(number) for number in (1, 2, 3))


def tearDownModule():
    for machine in MACHINES:
        machine.__exit__()


class Observer:
    """A plain receiver on the bridge, or at another place; a context."""

    def __init__(self, group=None, family=socket.AF_INET):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.bind(("", PORT))
        if family == socket.AF_INET6:
            member = struct.pack("16sI", socket.inet_pton(family, group),
                                 socket.if_nametoindex("br0"))
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        elif group:
            member = socket.inet_aton(group) + socket.inet_aton("10.77.0.254")
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)

    def wait_for(self, end):
        """The text of the next datagram that ends so."""
        while True:
            text = self.socket.recv(65536).decode()
            if text.endswith(end):
                return text

    def say(self, text, to="10.77.0.255"):
        self.socket.sendto(text.encode(), (to, PORT))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Room(unittest.TestCase):
    def setUp(self):
        self.ann_at, self.bob_at, self.cem_at = MACHINES
        self.present = []

    def member(self, observer, machine, nick, *arguments, address=ROOM, **options):
        """Somebody who is there, and of whom all others know it."""
        inside = machine.inside if machine else ()
        chat = self.enterContext(Chat(address, "--nick", nick, *arguments, inside=inside,
                                      **options))
        observer.wait_for(f"-- {nick} is here\n")
        for other in self.present:
            other.out.match(f"-- {nick} is here\n".encode())
        self.present.append(chat)
        return chat

    def hear(self, chat, *lines):
        """All that it has shown."""
        chat.out.line(len(lines) - 1)
        self.assertEqual(chat.out.data.decode().splitlines(), list(lines))

    def leave_all(self, *members):
        for chat in members:
            self.assertEqual(chat.leave(), 0)
            self.assertEqual(chat.err.data, b"")


class Broadcast(Room):
    def test_three_machines(self):
        with Observer() as observer:
            ann = self.member(observer, self.ann_at, "ann")
            bob = self.member(observer, self.bob_at, "bob")
            cem = self.member(observer, self.cem_at, "张三")
            ann.type("hello", "/me waves", "//no command", "/who")
            for chat, last in ((ann, b"(you) bob"), (bob, b"/no command\n"), (cem, b"/no command\n")):
                chat.out.match(re.escape(last))
            self.assertRegex(observer.wait_for("<ann> hello\n"),
                             r"\A#[0-9a-f]{8} \d+ <ann> hello\n\Z")
            cem.type("你好")
            ann.out.match("你好\n".encode())
            bob.out.match("你好\n".encode())
            self.hear(ann, "-- bob is here", "-- 张三 is here",
                      "-- heard so far (3): ann (you) bob 张三", "<张三> 你好")
            self.hear(bob, "-- 张三 is here", "<ann> hello", "* ann waves", "<ann> /no command",
                      "<张三> 你好")
            self.hear(cem, "<ann> hello", "* ann waves", "<ann> /no command")
            self.leave_all(ann)
            bob.out.match(b"-- ann has left\n")
            self.leave_all(bob, cem)

    def test_two_programs_of_one_machine_and_one_of_another(self):
        with Observer() as observer:
            ann = self.member(observer, self.ann_at, "ann")
            eve = self.member(observer, self.ann_at, "eve")
            bob = self.member(observer, self.bob_at, "bob")
            eve.type("hello")
            self.hear(ann, "-- eve is here", "-- bob is here", "<eve> hello")
            self.hear(bob, "<eve> hello")
            bob.type("both")
            ann.out.match(b"<bob> both")
            self.hear(eve, "-- bob is here", "<bob> both")

    def test_what_comes_twice_is_shown_once(self):
        wire = self.enterContext(socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                               socket.htons(0x0800)))
        wire.bind(("br0", 0x0800))
        wire.settimeout(PATIENCE)
        with Observer() as observer:
            ann = self.member(observer, self.ann_at, "ann")
            bob = self.member(observer, self.bob_at, "bob")
            ann.type("once")
            while b"<ann> once\n" not in (frame := wire.recv(65536)):
                pass
            bob.out.match(b"<ann> once\n")
            for _ in range(3):
                wire.send(frame)
            observer.say("the end")
            for chat in (ann, bob):
                chat.out.match(b"the end")
            self.hear(bob, "<ann> once", f"<10.77.0.254:{PORT}> the end")
            self.hear(ann, "-- bob is here", f"<10.77.0.254:{PORT}> the end")

    def test_strangers_are_shown_with_their_address_and_harm_nobody(self):
        with Observer() as observer:
            ann = self.member(observer, self.ann_at, "ann")
            bob = self.member(observer, self.bob_at, "bob")
            bob.type("I am bob")
            ann.out.match(b"<bob> I am bob\n")
            observer.say("hello\n")
            observer.say("\x1b]52;c;eHg=\x07 \u202e")
            observer.socket.sendto(b"\xff\xfe", ("10.77.0.255", PORT))
            observer.say("#00000001 1 <bob> I am bob\n-- bob has left")
            observer.say("", to="10.77.0.1")
            self.hear(ann, "-- bob is here", "<bob> I am bob",
                      *(f"<10.77.0.254:{PORT}> {text}" for text in
                        ("hello", "\\x1b]52;c;eHg=\\x07 \\u{202E}", "\ufffd\ufffd")),
                      "<bob[10.77.0.254]> I am bob\\x0a-- bob has left",
                      f"<10.77.0.254:{PORT}> ")
            self.assertEqual(ann.leave(), 0)
            self.assertIn(b"2 bytes that came were no UTF-8", ann.err.data)

    def test_another_encoding(self):
        with Observer() as observer:
            gb = ("--encoding", "gb18030")
            ann = self.member(observer, self.ann_at, "ann", *gb)
            bob = self.member(observer, self.bob_at, "bob", *gb)
            ann.type("你好")
            self.hear(bob, "<ann> 你好")
            data = observer.socket.recv(100)
            self.assertIn("你好".encode("gb18030"), data)

    def test_which_interface(self):
        ip("route del default", inside=self.ann_at.inside)
        self.addCleanup(ip, "route add default dev eth0", inside=self.ann_at.inside)
        with Running("chat", ROOM, "--nick", "ann", inside=self.ann_at.inside) as chat:
            self.assertEqual(chat.wait(), 1)
            self.assertRegex(chat.err.data.decode(), "unreachable.*--interface")
        with Observer() as observer:
            self.member(observer, self.ann_at, "ann", "--interface", "eth0")

    def test_the_broadcast_address_of_a_network(self):
        with Observer() as observer:
            address = f"udp://10.77.0.255:{PORT}"
            ann = self.member(observer, self.ann_at, "ann", "--broadcast", address=address)
            bob = self.member(observer, self.bob_at, "bob")
            bob.type("hello")
            self.hear(ann, "-- bob is here", "<bob> hello")

    def test_ctrl_c_leaves(self):
        with Observer() as observer:
            ann = self.member(observer, self.ann_at, "ann")
            self.assertEqual(ann.interrupt(), 0)
            observer.wait_for("-- ann has left\n")

    def test_on_this_machine_alone(self):
        """127.255.255.255 reaches every program here, and nobody else."""
        with Observer() as observer:
            local = {"address": f"udp://127.255.255.255:{PORT}"}
            ann = self.member(observer, None, "ann", "--broadcast", **local)
            bob = self.member(observer, None, "bob", "--broadcast", **local)
            bob.type("hello")
            self.hear(ann, "-- bob is here", "<bob> hello")

    def test_a_port_that_somebody_has_alone(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as alone:
            alone.bind(("", PORT))
            done = chat_with(ROOM, "hello")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr,
                             rf"receive on udp://0.0.0.0:{PORT}: address in use.*python")


class Groups(Room):
    def test_ipv4_with_an_interface(self):
        address = f"udp://239.1.2.3:{PORT}"
        with Observer("239.1.2.3") as observer:
            members = [self.member(observer, machine, nick, "--interface", "eth0",
                                   address=address)
                       for machine, nick in zip(MACHINES, ("ann", "bob", "cem"))]
            members[2].type("hello")
            self.hear(members[0], "-- bob is here", "-- cem is here", "<cem> hello")
            self.hear(members[1], "-- cem is here", "<cem> hello")
            observer.say("not to the group", to="10.77.0.1")
            observer.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                                       socket.inet_aton("10.77.0.254"))
            observer.say("to the group", to="239.1.2.3")
            self.hear(members[0], "-- bob is here", "-- cem is here", "<cem> hello",
                      f"<10.77.0.254:{PORT}> to the group")
            self.leave_all(*members)

    def test_two_programs_of_one_machine(self):
        address = f"udp://239.1.2.3:{PORT}"
        with Observer("239.1.2.3") as observer:
            ann = self.member(observer, self.ann_at, "ann", address=address)
            eve = self.member(observer, self.ann_at, "eve", address=address)
            ann.type("hello")
            self.hear(eve, "<ann> hello")
            eve.type("and you")
            self.hear(ann, "-- eve is here", "<eve> and you")

    def test_ipv6_with_a_zone_or_an_interface(self):
        with Observer("ff02::2157", socket.AF_INET6) as observer:
            ann = self.member(observer, self.ann_at, "ann",
                              address=f"udp://[ff02::2157%eth0]:{PORT}")
            bob = self.member(observer, self.bob_at, "bob", "--interface", "eth0",
                              address=f"udp://[ff02::2157]:{PORT}")
            bob.type("hello")
            self.hear(ann, "-- bob is here", "<bob> hello")
            ann.type("and you")
            self.hear(bob, "<ann> and you")

    def test_ipv6_needs_an_interface(self):
        done = run("chat", f"udp://[ff02::2157]:{PORT}", "--nick", "ann")
        self.assertEqual(done.returncode, 2)
        self.assertIn("which one? Give --interface", done.stderr)


if __name__ == "__main__":
    run_again_in_a_namespace()
    unittest.main()
