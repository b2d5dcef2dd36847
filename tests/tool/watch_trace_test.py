# SPDX-License-Identifier: MIT
#
# The trace events of `headrace watch`: each step of a connection in order, an instance of its own that
# is gone afterwards, also after a crash; events of other network namespaces told apart. Needs the
# machine's root: skipped otherwise.
import glob
import os
import signal
import socket
import subprocess
import sys
import unittest

from _tcp_states import SKIPPED, Sockets, enter_own_network
from _watching import Watching, until

INSTANCES = "/sys/kernel/tracing/instances"

enter_own_network("-nm")
if not os.path.isdir(INSTANCES):  # in a mount namespace of our own
    subprocess.run(["mount", "-t", "tracefs", "nodev", "/sys/kernel/tracing"], check=False,
                   capture_output=True)
if not os.access(INSTANCES, os.W_OK):
    print("no tracefs for us here")
    sys.exit(SKIPPED)


def instances_of(process):
    return glob.glob(f"{INSTANCES}/headrace-{process.pid}-*")


class Trace(unittest.TestCase):
    def setUp(self):
        self.sockets = Sockets()
        self.addCleanup(self.sockets.close)

    def watching(self):
        return Watching("--json", "--interval", "10ms", f":{self.sockets.port}")

    def steps(self, watch, local):
        return [(event["from"], event["state"]) for event in watch.objects(kind="event", local=local)
                if event["source"] == "trace"]

    def test_every_step_is_told_in_order(self):
        with self.watching() as watch:
            until(lambda: watch.objects(kind="socket"), "the listener")
            client, server = self.sockets.pair()
            mine = f"127.0.0.1:{client.getsockname()[1]}"
            client.shutdown(socket.SHUT_WR)
            server.recv(1)
            server.close()
            until(lambda: ("FIN-WAIT-2", "TIME-WAIT") in self.steps(watch, mine), "TIME-WAIT")
            self.assertEqual(self.steps(watch, mine),
                             [("CLOSED", "SYN-SENT"), ("SYN-SENT", "ESTABLISHED"),
                              ("ESTABLISHED", "FIN-WAIT-1"), ("FIN-WAIT-1", "FIN-WAIT-2"),
                              ("FIN-WAIT-2", "TIME-WAIT")])
            theirs = [(event["from"], event["state"]) for event in watch.objects(kind="event")
                      if event["remote"] == mine and event["source"] == "trace"]
            self.assertEqual(theirs, [("LISTEN", "SYN-RECEIVED"), ("SYN-RECEIVED", "ESTABLISHED"),
                                      ("ESTABLISHED", "CLOSE-WAIT"), ("CLOSE-WAIT", "LAST-ACK"),
                                      ("LAST-ACK", "CLOSED")])
            self.assertTrue(all(event["legal"] for event in watch.objects(kind="event")))

    def test_the_instance_goes_with_the_program(self):
        with self.watching() as watch:
            until(watch.lines, "the first look")
            self.assertEqual(len(instances_of(watch.process)), 1)
            self.assertEqual(watch.end()[0], 0)
            self.assertEqual(instances_of(watch.process), [])

    def test_what_a_killed_program_left_the_next_removes(self):
        with self.watching() as killed, self.watching() as living:
            until(killed.lines, "the first look")
            until(living.lines, "the first look")
            killed.end(signal.SIGKILL)
            with self.watching() as following:
                until(following.lines, "the first look")
                self.assertEqual(instances_of(killed.process), [])
                self.assertEqual(len(instances_of(living.process)), 1)

    def test_events_of_another_network_namespace_are_not_ours(self):
        with self.watching() as watch:
            until(watch.lines, "the first look")
            code = ("import socket\n"
                    "listener = socket.socket()\n"
                    f"listener.bind(('127.0.0.1', {self.sockets.port}))\n"
                    "listener.listen()\n"
                    "for _ in range(20):\n"
                    "    client = socket.create_connection(listener.getsockname())\n"
                    "    listener.accept()[0].close(); client.close()\n")
            subprocess.run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                            sys.executable, "-c", code], check=True, timeout=30)
            client, _ = self.sockets.pair()
            mine = f"127.0.0.1:{client.getsockname()[1]}"
            until(lambda: ("SYN-SENT", "ESTABLISHED") in self.steps(watch, mine), "ours")
            ends = {event["local"] for event in watch.objects(kind="event")}
            self.assertEqual(ends, {mine, f"127.0.0.1:{self.sockets.port}"})
            self.assertEqual(len(watch.objects(kind="event", state="ESTABLISHED")), 2)


if __name__ == "__main__":
    unittest.main()
