# SPDX-License-Identifier: MIT
#
# `headrace watch` against real sockets, in a network namespace of its own: every state, compared with
# what ss(8) says of the same sockets.
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from _program import PATIENCE, PROGRAM, run
from _tcp_states import Sockets, enter_own_network
from _watching import Watching, until

# Without trace events, so that the other sources show what they can.
enter_own_network("-Urnm", "mount -t tmpfs none /sys/kernel/tracing")

STATES = {"LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
          "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}
NAMES_OF_SS = {"ESTAB": "ESTABLISHED", "SYN-RECV": "SYN-RECEIVED"}


def rows(*filter_):
    """The sockets as `watch --once --json` has them."""
    done = run("watch", *filter_, "--once", "--json")
    assert done.returncode == 0 and done.stderr == "", done
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_of_ss():
    """(state, local, remote, two queues), as ss(8) prints them."""
    lines = subprocess.run(["ss", "-tanH"], capture_output=True, encoding="utf-8", timeout=PATIENCE,
                           check=True).stdout.splitlines()
    words = [line.split() for line in lines]
    return sorted((NAMES_OF_SS.get(word[0], word[0]), word[3], word[4], int(word[1]), int(word[2]))
                  for word in words)


def comparable(row):
    first, second = (("accept_queue", "backlog") if row["state"] == "LISTEN" else
                     ("receive_queue", "send_queue"))
    return row["state"], row["local"], row["remote"], row[first], row[second]


class EveryState(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sockets, cls.sockets6 = Sockets(), Sockets("::1")
        for sockets in (cls.sockets, cls.sockets6):
            cls.addClassCleanup(sockets.close)
            sockets.make_every_state()
        until(lambda: {row["state"] for row in rows()} == STATES, "every state")

    def test_is_seen_in_both_families(self):
        for family in ("ipv4", "ipv6"):
            until(lambda: {row["state"] for row in rows() if row["family"] == family} == STATES,
                  f"every state of {family}")

    def test_is_what_ss_says(self):
        until(lambda: sorted(map(comparable, rows())) == rows_of_ss(), "the rows of ss")

    def test_timers_run_in_the_right_unit(self):
        for row in rows("state", "time-wait"):
            self.assertEqual(row["timer"]["kind"], "time-wait")
            self.assertLessEqual(row["timer"]["remaining_ms"], 60000)
            self.assertAlmostEqual(row["timer"]["remaining_ms"] + row["age_ms"], 60000, delta=1000)
            self.assertTrue(row["age_known"])
        for row in rows("state", "fin-wait-1,last-ack,syn-sent,closing"):
            self.assertEqual(row["timer"]["kind"], "retransmit")
            self.assertLessEqual(row["timer"]["remaining_ms"], 120_000)
        for row in rows("state", "listen"):
            self.assertIsNone(row["timer"])

    def test_the_owner_is_found_by_the_inode(self):
        for row in rows():
            if row["inode"] == 0:
                self.assertIsNone(row["owner"])
            else:
                self.assertEqual(row["owner"]["pid"], os.getpid(), row)

    def test_filters_mean_what_they_say(self):
        port = self.sockets.port
        for row in rows(f":{port}"):
            self.assertIn(f":{port}", row["local"][-6:] + row["remote"][-6:])
        self.assertTrue(rows(f"127.0.0.1:{port}"))
        self.assertEqual(rows(f"127.0.0.2:{port}"), [])
        self.assertEqual(rows("state", "established", f":{port}", f"pid {os.getpid() + 1}"), [])
        self.assertTrue(all(row["owner"]["pid"] == os.getpid()
                            for row in rows("pid", str(os.getpid()))))
        self.assertEqual({row["state"] for row in rows("state", "fin_wait2,LISTEN")},
                         {"FIN-WAIT-2", "LISTEN"})

    def test_text_has_a_row_a_socket(self):
        done = run("watch", "state", "close-wait", "--once")
        self.assertEqual(done.returncode, 0)
        heading, *lines = done.stdout.splitlines()
        self.assertTrue(heading.startswith("STATE"))
        self.assertEqual({line.split()[0] for line in lines}, {"CLOSE-WAIT"})
        self.assertEqual(len(lines), len(rows("state", "close-wait")))


class FullQueue(unittest.TestCase):
    def test_is_seen_at_the_listener_and_its_clients(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        full = sockets.listening("127.0.0.1", backlog=1)
        address = full.getsockname()
        for _ in range(2):
            sockets.kept.append(socket.create_connection(address))
        until(lambda: rows("state", "listen", f":{address[1]}")[0]["accept_queue"] == 2, "both")
        for _ in range(2):
            sockets.begin_connecting(address)
        listener, = until(lambda: [row for row in rows("state", "listen", f":{address[1]}")
                                   if row["drops"] > 0], "a drop")
        self.assertEqual((listener["accept_queue"], listener["backlog"]), (2, 1))
        # The server has no row for those that wait: they are SYN-SENT, with a timer.
        waiting = rows("state", "syn-sent", f":{address[1]}")
        self.assertEqual(len(waiting), 2)
        self.assertEqual(rows("state", "syn-received", f":{address[1]}"), [])


class Events(unittest.TestCase):
    def test_a_connection_is_told_from_its_beginning_to_its_end(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        with Watching("--json", "--interval", "10ms", f":{sockets.port}") as watch:
            until(lambda: watch.objects(kind="socket", state="LISTEN"), "the listener")
            client, server = sockets.pair()
            port = client.getsockname()[1]
            mine = {"kind": "event", "local": f"127.0.0.1:{port}"}
            until(lambda: watch.objects(**mine, state="ESTABLISHED"), "ESTABLISHED")
            self.wait_for_a_look(watch, sockets)  # a packet does not say whose it is
            client.shutdown(socket.SHUT_WR)
            until(lambda: watch.objects(**mine, state="FIN-WAIT-2"), "FIN-WAIT-2")
            server.close()
            until(lambda: watch.objects(**mine, state="TIME-WAIT"), "TIME-WAIT")
            status, _ = watch.end()
            self.assertEqual(status, 0)
            self.assertTrue(all(event["legal"] for event in watch.objects(kind="event")))
            (ended,) = watch.objects(**mine, state="TIME-WAIT")
            self.assertEqual(ended["owner"]["pid"], os.getpid())

    def wait_for_a_look(self, watch, sockets):
        """Until another listener at the same port is seen, which only a look tells."""
        with socket.create_server(("127.0.0.2", sockets.port)):
            until(lambda: watch.objects(local=f"127.0.0.2:{sockets.port}", state="LISTEN"), "a look")

    def test_a_pending_request_and_its_connection_are_one(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        deferring = sockets.listening("127.0.0.1", TCP_DEFER_ACCEPT=60)
        with Watching("--json", "--interval", "10ms", f":{deferring.getsockname()[1]}") as watch:
            until(lambda: watch.objects(kind="socket", state="LISTEN"), "the listener")
            client = sockets.begin_connecting(deferring.getsockname())
            theirs = {"kind": "event", "remote": f"127.0.0.1:{client.getsockname()[1]}"}
            until(lambda: watch.objects(**theirs, state="SYN-RECEIVED"), "SYN-RECEIVED")
            until(lambda: client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\1",
                  "ESTABLISHED here")
            client.send(b"now it is accepted")
            until(lambda: watch.objects(**theirs, state="ESTABLISHED"), "ESTABLISHED there")
            self.assertEqual([event["state"] for event in watch.objects(**theirs)],
                             ["SYN-RECEIVED", "ESTABLISHED"])

    def test_one_shorter_than_a_look_leaves_a_trace(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        with Watching("--json", "--interval", "10ms", f":{sockets.port}") as watch:
            until(lambda: watch.objects(kind="socket", state="LISTEN"), "the listener")
            client, server = sockets.pair()
            client.send(b"12345")
            server.recv(5)
            server.close()
            client.close()
            until(lambda: [event for event in watch.objects(kind="event", ended=True)
                           if event["remote"].endswith(f":{sockets.port}")], "its end")
            self.assertEqual(watch.end(signal.SIGTERM)[0], 0)

    def test_a_reset_leaves_no_time_wait(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        with Watching("--interval", "10ms", f":{sockets.port}") as watch:
            until(watch.lines, "the first look")
            client, server = sockets.pair()
            until(lambda: len([line for line in watch.lines() if "> ESTABLISHED" in line]) == 2,
                  "both ends")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()
            until(lambda: [line for line in watch.lines() if "ESTABLISHED -> CLOSED" in line],
                  "CLOSED")
            server.close()
            watch.end()
            self.assertNotIn(b"TIME-WAIT", watch.text)

    def test_what_is_missing_is_said_with_the_line_that_gives_it(self):
        with Watching() as watch:
            until(watch.lines, "the first look")
            status, said = watch.end()
            self.assertEqual(status, 0)
            self.assertIn("no trace events: tracefs is not mounted", said)
            self.assertNotIn("no packets", said)
            self.assertNotIn("setcap", said)  # no right would mount it

    def test_without_rights_it_shows_what_it_can_and_says_what_would_give_more(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
        with Watching("--json", "--interval", "10ms", f":{sockets.port}", through=without) as watch:
            until(lambda: watch.objects(kind="socket", state="LISTEN"), "the listener")
            sockets.pair()
            until(lambda: watch.objects(kind="event", state="ESTABLISHED"), "a snapshot's news")
            status, said = watch.end()
        self.assertEqual(status, 0)
        self.assertRegex(said, r"no packets: permission denied \(socket\(AF_PACKET\)\); SYN, FIN and RST")
        capabilities = "cap_net_raw,cap_dac_override,cap_sys_ptrace+ep"
        self.assertIn("this would give what is missing: sudo setcap "
                      f"{capabilities} {os.path.realpath(PROGRAM)}\n", said)

    def test_who_may_look_at_other_processes_is_a_matter_of_one_capability(self):
        """Of no other, nor of who one is: what setcap gives is not asked for again."""
        for lacks in ("-sys_ptrace", "-net_admin"):
            through = ("setpriv", "--bounding-set=" + lacks, "--inh-caps=" + lacks, "--")
            with self.subTest(lacks), Watching(through=through) as watch:
                until(watch.lines, "the first look")
                said = watch.end()[1]
                told = lacks == "-sys_ptrace"
                self.assertEqual("other users' processes are not named" in said, told, said)
                self.assertEqual("this would give what is missing" in said, told, said)

    def test_packets_tell_what_is_shorter_than_a_look(self):
        sockets = Sockets()
        self.addCleanup(sockets.close)
        with Watching("--json", "--interval", "5s", f":{sockets.port}") as watch:
            until(lambda: watch.objects(kind="socket", state="LISTEN"), "the listener")
            client, server = sockets.pair()
            mine = f"127.0.0.1:{client.getsockname()[1]}"
            client.close()
            server.recv(1)
            server.close()
            until(lambda: watch.objects(kind="event", local=mine, ended=True), "its end")
            steps = [(event["from"], event["state"]) for event in watch.objects(local=mine)
                     if event["source"] == "packet"]
            self.assertEqual(steps[:3], [("CLOSED", "SYN-SENT"), ("SYN-SENT", "ESTABLISHED"),
                                         ("ESTABLISHED", "FIN-WAIT-1")])
            self.assertTrue(all(event["legal"] for event in watch.objects(kind="event")))

    def test_a_closed_pipe_ends_it(self):
        reading, writing = os.pipe()
        process = subprocess.Popen([PROGRAM, "watch", "--interval", "10ms"], stdout=writing,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        sockets = Sockets()
        self.addCleanup(sockets.close)
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            sockets.pair()[0].close()  # something to tell
        self.assertIn("Broken pipe", process.communicate(timeout=PATIENCE)[1].decode())
        self.assertEqual(process.returncode, 1)


class Refusals(unittest.TestCase):
    def test_options_that_do_not_go_together(self):
        for words, said in ((["--count", "1"], "goes with --sequence"),
                            (["--format", "svg"], "goes with --sequence"),
                            (["--once", "--sequence"], "exclude each other"),
                            (["--demo", "clos"], "did you mean 'close'?"),
                            (["--demo", "close", ":80"], "leave the filter out"),
                            (["state", "time-wiat"], "did you mean 'TIME-WAIT'?"),
                            (["--interval", "1ms"], "at least 10ms")):
            with self.subTest(words):
                done = run("watch", *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertTrue(re.search(re.escape(said), done.stderr), done.stderr)


if __name__ == "__main__":
    unittest.main()
