# SPDX-License-Identifier: MIT
#
# send and receive between machines: network namespaces on a bridge, all made here. Broadcast with
# two receivers, IPv4 and IPv6 groups, TTL, the ICMP of another machine.
import subprocess
import sys
import unittest

from _datagrams import Receiver, send, sent
from _namespaces import Namespace, bridge, ip, run_again_in_a_namespace

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
