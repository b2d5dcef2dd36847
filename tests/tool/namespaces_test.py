# SPDX-License-Identifier: MIT
#
# send and receive between machines: network namespaces on a bridge, all made here. Broadcast with
# two receivers, IPv4 and IPv6 groups, TTL, the ICMP of another machine.
import json
import os
import signal
import subprocess
import sys
import unittest

from _datagrams import Receiver, Running, peer, send, sent
from _namespaces import Namespace, bridge, ip, run_again_in_a_namespace
from _watching import until

ANSWER = """
from socket import *
udp = socket(AF_INET, SOCK_DGRAM)
udp.settimeout(30)
udp.bind(("", 21567))
print("ready", flush=True)
udp.sendto(b"I", udp.recvfrom(1024)[1])
"""


MACHINES = []


def setUpModule():
    bridge()
    MACHINES.extend(Namespace(number) for number in (1, 2, 3))


def tearDownModule():
    for machine in MACHINES:
        machine.__exit__()


class OnAWire(unittest.TestCase):
    """Three machines on one bridge."""

    def setUp(self):
        self.machines = MACHINES

    def without_route(self, machine):
        ip("route del default", inside=machine.inside)
        self.addCleanup(ip, "route add default dev eth0", inside=machine.inside)

    def entered(self, context):
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def receiver(self, machine, *arguments, address="21567"):
        return self.entered(Receiver(*arguments, address=address, inside=machine.inside))


class Broadcast(OnAWire):
    def test_reaches_two_machines(self):
        sender, *others = self.machines
        hearing = [self.receiver(machine, "--broadcast") for machine in others]
        done = send("udp://broadcast:21567", given="hello\n你好\n\nnever sent\n".encode(),
                    inside=sender.inside)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.decode(), "sending -> hello\nsending -> 你好\n")
        for receiver in hearing:
            self.assertIn(b"wait msg", receiver.err.data)
            for index, text in enumerate(("hello", "你好")):
                self.assertRegex(receiver.out.line(index).decode(),
                                 rf"\Audp://10\.77\.0\.1:\d+ {text}\Z")
            self.assertEqual(receiver.interrupt(), 0)
            self.assertIn(b"received 2 datagrams, 11 bytes", receiver.err.data)

    def test_of_the_network_needs_a_word(self):
        sender, other, _ = self.machines
        receiver = self.receiver(other, "--broadcast")
        done = send("10.77.0.255:21567", "hello", inside=sender.inside)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"permission denied .*--broadcast")
        sent("10.77.0.255:21567", "hello", "--broadcast", inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(), r"udp://10\.77\.0\.1:\d+ hello")

    def test_goes_out_by_an_interface_without_a_route(self):
        sender, other, _ = self.machines
        receiver = self.receiver(other, "--broadcast")
        self.without_route(sender)
        done = send("udp://broadcast:21567", "hello", inside=sender.inside)
        self.assertEqual(done.returncode, 1)
        self.assertIn("unreachable", done.stderr.decode())
        done = send("udp://broadcast:21567", "hello", "--interface", "eth0", inside=sender.inside)
        self.assertEqual((done.returncode, done.stderr), (0, b"sending -> hello\n"))
        self.assertRegex(receiver.out.line(0).decode(), r"udp://10\.77\.0\.1:\d+ hello")

    def test_is_not_heard_at_one_address(self):
        """Why --broadcast binds the wildcard: at 10.77.0.2 only what is sent there is heard."""
        sender, other, _ = self.machines
        receiver = self.receiver(other, address="10.77.0.2:21567")
        send("udp://broadcast:21567", "to all", inside=sender.inside)
        sent("10.77.0.2:21567", "to you", inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(), "to you")

    def test_is_answered_by_each(self):
        """--wait after a broadcast prints what everybody says."""
        sender, *others = self.machines
        for machine in others:
            answering = subprocess.Popen([*machine.inside, sys.executable, "-c", ANSWER],
                                         stdout=subprocess.PIPE)
            self.addCleanup(answering.wait)
            self.addCleanup(answering.stdout.close)
            self.assertEqual(answering.stdout.readline(), b"ready\n")
        done = send("udp://broadcast:21567", "who is there?", "--wait=5s", inside=sender.inside)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(done.stdout.decode().splitlines()),
                         ["udp://10.77.0.2:21567 I", "udp://10.77.0.3:21567 I"])


class Groups(OnAWire):
    def test_ipv4_with_an_interface(self):
        sender, member, other = self.machines
        receiver = self.receiver(member, "--join", "239.7.7.7", "--interface", "eth0",
                                 address="5000")
        stranger = self.receiver(other, address="*:5000")
        sent("udp://239.7.7.7:5000", "to the group", "--interface", "eth0", inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(), r"\Audp://10\.77\.0\.1:\d+ to the group\Z")
        sent("10.77.0.3:5000", "to you", inside=sender.inside)
        self.assertRegex(stranger.out.line(0).decode(), "to you")

    def test_ipv6_with_a_zone(self):
        sender, member, _ = self.machines
        receiver = self.receiver(member, "--join", "ff02::7777%eth0", address="5001")
        sent("udp://[ff02::7777%eth0]:5001", "to the group", inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(),
                         r"\Audp://\[fe80::1%eth0\]:\d+ to the group\Z")

    def test_ipv6_with_an_interface(self):
        sender, member, _ = self.machines
        receiver = self.receiver(member, "--join", "ff05::7777", "--interface", "eth0",
                                 address="5002")
        sent("udp://[ff05::7777]:5002", "to the group", "--interface", "eth0",
             inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(), r"\]:\d+ to the group\Z")

    def test_an_address_that_is_a_group_is_joined(self):
        sender, member, _ = self.machines
        receiver = self.receiver(member, address="239.7.7.8:5003")
        sent("239.7.7.8:5003", "to the group", "--interface", "eth0", inside=sender.inside)
        self.assertRegex(receiver.out.line(0).decode(), "to the group")


class Answers(OnAWire):
    def test_leave_from_the_address_that_was_asked(self):
        """Of a machine with several; whoever has connected to one hears no other."""
        asking, machine, _ = self.machines
        ip("address add 10.77.0.102/24 dev eth0", "address add fd77::102/64 dev eth0 nodad",
           inside=machine.inside)
        server = self.entered(Running("serve", "echo", "--listen", "udp://*:5005",
                                      inside=machine.inside))
        server.err.match(b"listening on")
        for host in ("10.77.0.102", "10.77.0.2", "[fd77::102]", "[fd77::2]"):
            with Running("send", f"{host}:5005", "hello", "--wait=20s",
                         inside=asking.inside) as client:
                self.assertEqual(client.out.line(0).decode(), f"udp://{host}:5005 hello")

    def test_to_a_broadcast_leave_from_an_address_of_the_machine(self):
        asking, machine, _ = self.machines
        server = self.entered(Running("serve", "echo", "--listen", "udp://*:5006",
                                      inside=machine.inside))
        server.err.match(b"listening on")
        with Running("send", "10.77.0.255:5006", "who is there?", "--broadcast", "--wait=20s",
                     inside=asking.inside) as client:
            self.assertRegex(client.out.line(0).decode(),
                             r"\Audp://10\.77\.0\.2:5006 who is there\?\Z")


def kernel_drops():
    """Datagrams that this namespace has thrown away for want of room in a receive buffer."""
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith("Udp:"))
    return int(dict(zip(names, values))["RcvbufErrors"])


def drops_of_all(receiver, count, before):
    """How many of `count` datagrams were dropped, once each was shown or dropped."""
    until(lambda: receiver.out.data.count(b"\n") + kernel_drops() - before >= count,
          f"each of {count} datagrams")
    return kernel_drops() - before


class Losses(unittest.TestCase):
    def test_every_datagram_came_or_was_dropped_by_the_kernel(self):
        """A receiver that is stopped while more is sent than its buffer holds."""
        count = 100_000 if os.environ.get("HEADRACE_NIGHTLY") == "1" else 5_000
        before = kernel_drops()
        with Receiver("--json", "--kernel-buffer", "16KiB") as receiver, peer() as udp:
            receiver.process.send_signal(signal.SIGSTOP)
            os.waitpid(receiver.process.pid, os.WUNTRACED)  # until it is
            for number in range(1, count + 1):
                udp.sendto(b"#0000000a %d/%d" % (number, count), ("127.0.0.1", receiver.port))
            receiver.process.send_signal(signal.SIGCONT)
            dropped = drops_of_all(receiver, count, before)
            got = receiver.summary()
            objects = [json.loads(line) for line in receiver.out.data.splitlines()]
        self.assertGreater(dropped, 0)
        self.assertEqual((got["datagrams"], got["dropped"]), (count - dropped, dropped))
        self.assertEqual(sum(one.get("dropped", 0) for one in objects), dropped)
        numbered = got["numbered"]
        self.assertEqual(numbered["came"], count - dropped)
        self.assertEqual(numbered["lost"] + numbered["unseen"], dropped)

    def test_a_flood_of_ours(self):
        """Nothing is lost without a word between send --count and receive."""
        count = 100_000 if os.environ.get("HEADRACE_NIGHTLY") == "1" else 20_000
        before = kernel_drops()
        with Receiver() as receiver:
            sent(receiver.address, "x" * 1000, "--count", str(count))
            dropped = drops_of_all(receiver, count, before)
            self.assertEqual(receiver.interrupt(), 0)
            said = receiver.err.data.decode()
        self.assertIn(f"received {count - dropped} datagrams", said)
        if dropped > 0:
            self.assertIn(f"the kernel dropped {dropped} datagram", said)
        self.assertRegex(said, rf"numbered: {count - dropped} came in 1 run: \d+ lost, "
                               "0 repeated, 0 reordered")


class Errors(OnAWire):
    def test_icmp_of_another_machine(self):
        done = send("10.77.0.2:9", "hello", "--wait=20s", inside=self.machines[0].inside)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertRegex(done.stderr.decode(),
                         r"\Aheadrace: send to udp://10\.77\.0\.2:9: connection refused.*nobody "
                         r"receives at that port.*\n\Z")

    def test_no_route(self):
        machine = self.machines[0]
        self.without_route(machine)
        done = send("192.0.2.1:9", "hello", inside=machine.inside)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"unreachable.*'ip route'")


if __name__ == "__main__":
    run_again_in_a_namespace()
    unittest.main()
