# SPDX-License-Identifier: MIT
#
# `headrace watch --sequence`: real connections on loopback, drawn. Each in a network namespace of
# its own, where nobody else talks; without the right to make one, or to see packets, all is skipped.
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import unittest
import xml.etree.ElementTree

from _program import PATIENCE, PROGRAM, run
from _tcp_states import drop_what_comes, take_what_comes

ALONE = "HEADRACE_TEST_ALONE"


class Watch:
    """`headrace watch --sequence ARGUMENTS`, begun and really looking."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen([PROGRAM, "watch", "--sequence", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **options)
        self.drawn = b""
        self.said = self.process.stderr.readline()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.output()

    def output(self):
        """What it drew in all, once it has ended with success."""
        rest, said = self.process.communicate(timeout=PATIENCE)
        if self.process.returncode != 0:
            raise AssertionError((self.process.returncode, self.drawn + rest, self.said + said))
        return (self.drawn + rest).decode()

    def read_until(self, pattern):
        """Waits until that is drawn."""
        while not re.search(pattern, self.drawn.decode()):
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                raise AssertionError(f"no {pattern!r} in {self.drawn!r}")
            self.drawn += part

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def listener(backlog=8, family=socket.AF_INET):
    server = socket.socket(family)
    server.settimeout(PATIENCE)
    server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    server.listen(backlog)
    return server


def hold_conversation(server, said=b"hello"):
    """Open, say, answer, close by the client, then by the server."""
    with socket.create_connection(server.getsockname()[:2], PATIENCE) as client:
        peer, _ = server.accept()
        with peer:
            client.sendall(said)
            assert len(peer.recv(len(said), socket.MSG_WAITALL)) == len(said)
            client.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""
            peer.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""


def states_on(text, side):
    """States beside one lifeline, from the top."""
    found = []
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 3:
            words = parts[0].split() if side == "left" else parts[2].split()
            found += [word for word in words if re.fullmatch(r"[A-Z]+(-[A-Z0-9]+)*", word)]
    return found


class Sequence(unittest.TestCase):
    def port(self, server):
        return f":{server.getsockname()[1]}"

    def test_a_connection_goes_through_the_states_of_the_figure(self):
        with listener() as server, Watch(self.port(server), "--count", "1") as watch:
            hold_conversation(server)
            drawn = watch.output()
        self.assertEqual(states_on(drawn, "left"),
                         ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"])
        self.assertEqual(states_on(drawn, "right"),
                         ["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"])
        self.assertRegex(drawn, r"- SYN seq=0 -+>\|\n")
        self.assertRegex(drawn, r"\|<-+ SYN\+ACK seq=0 ack=1 -+\| SYN-RECEIVED\n")
        self.assertRegex(drawn, r"DATA seq=1 len=5 ack=1 -+>")
        self.assertRegex(drawn, "stays in TIME-WAIT for 60 s")
        self.assertLessEqual(max(map(len, drawn.splitlines())), 80)
        self.assertNotIn("\x1b", drawn)

    def test_rows_come_as_they_happen(self):
        with listener() as server, Watch(self.port(server)) as watch:
            with socket.create_connection(server.getsockname(), PATIENCE):
                watch.read_until(r"ACK ack=1 -+>\| ESTABLISHED")
                drawn = watch.stop()
        self.assertIn("still open: ESTABLISHED and ESTABLISHED", drawn)

    def test_ipv6(self):
        try:
            server = listener(family=socket.AF_INET6)
        except OSError:
            self.skipTest("no IPv6 here")
        with server, Watch(self.port(server), "--count", "1") as watch:
            with socket.socket(socket.AF_INET6) as client:
                client.connect(server.getsockname()[:2])
            drawn = watch.stop()
        self.assertRegex(drawn, r"1: \[::1\]:\d+ to \[::1\]:\d+")

    def test_refused(self):
        with listener() as server:
            port = server.getsockname()[1]
        with Watch(f":{port}", "--count", "1") as watch:
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), PATIENCE)
            drawn = watch.output()
        self.assertRegex(drawn, r"CLOSED +\|<-+ RST\+ACK ack=1 -+\| CLOSED")
        self.assertIn(f"refused: nobody listens at 127.0.0.1:{port}", drawn)

    def test_reset(self):
        with listener() as server, Watch(self.port(server), "--count", "1") as watch:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            drawn = watch.output()
        self.assertRegex(drawn, r"CLOSED +\|-+ RST\+ACK ack=1 -+>\| CLOSED")

    def test_a_simultaneous_close(self):
        with listener() as server, Watch(self.port(server), "--count", "1") as watch:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                peer, _ = server.accept()
                with peer:
                    # Each FIN is lost once: so both are sent before either arrives.
                    for act in (drop_what_comes, lambda end: end.shutdown(socket.SHUT_WR),
                                take_what_comes):
                        act(client)
                        act(peer)
                    drawn = watch.output()
        left, right = states_on(drawn, "left"), states_on(drawn, "right")
        self.assertIn("CLOSING", left + right)
        for states in (left, right):
            self.assertIn("FIN-WAIT-1", states)
            self.assertEqual(states[-1], "TIME-WAIT", drawn)
        self.assertNotIn("no arrow of RFC 9293", drawn)

    def test_half_close(self):
        with listener() as server, Watch(self.port(server)) as watch:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                peer, _ = server.accept()
                with peer:
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(peer.recv(1), b"")
                    peer.sendall(b"more")
                    watch.read_until(r"<-+ DATA seq=1 len=4 ack=2")
                    drawn = watch.stop()
        self.assertIn("still open: FIN-WAIT-2 and CLOSE-WAIT", drawn)

    def test_a_full_accept_queue(self):
        with listener(backlog=0) as server, Watch(self.port(server)) as watch:
            with socket.create_connection(server.getsockname(), PATIENCE):
                late = socket.socket()
                late.setblocking(False)
                late.connect_ex(server.getsockname())
                with late:
                    # The first is in front until it is over; the other comes when all is drawn.
                    watch.read_until("ESTABLISHED")
                    self.wait_for_second_syn(late)
                    drawn = watch.stop()
        ladder = drawn[drawn.index("2: "):]
        self.assertIn("(sent again)", ladder)
        self.assertEqual(states_on(ladder, "left"), ["SYN-SENT"])
        self.assertEqual(states_on(ladder, "right"), [])
        self.assertIn("open: not answered", ladder)

    def wait_for_second_syn(self, client):
        """TCP_INFO: tcpi_total_retrans, at byte 100."""
        for _ in range(int(PATIENCE * 20)):
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            if int.from_bytes(info[100:104], sys.byteorder) > 0:
                return
            select.select([], [], [], 0.05)
        self.fail("no SYN was sent again")

    def test_a_delayed_ack(self):
        with listener() as server, Watch(self.port(server), "--json") as watch:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer, _ = server.accept()
                with peer:
                    # Who answers is "interactive": then the kernel waits for data to carry the ACK.
                    for _ in range(20):
                        client.sendall(b"question")
                        peer.recv(100)
                        peer.sendall(b"answer")
                        client.recv(100)
                    watch.read_until('"delayed-ack"')
                    drawn = watch.stop()
        self.assertIn('"ending":"open"', drawn)

    def test_two_at_once_are_drawn_one_after_the_other(self):
        with listener() as server, Watch(self.port(server), "--count", "2") as watch:
            with socket.create_connection(server.getsockname(), PATIENCE):
                peer, _ = server.accept()
                hold_conversation(server)
                peer.close()
            drawn = watch.output()
        headings = re.findall(r"^(\d): ", drawn, re.MULTILINE)
        self.assertEqual(list(dict.fromkeys(headings)), ["1", "2"])
        self.assertEqual(drawn.count("closed, and"), 2)

    def test_an_open_connection_has_the_states_that_the_kernel_knows(self):
        with listener() as server:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                peer, _ = server.accept()
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(peer.recv(1), b"")
                with Watch(self.port(server), "--count", "1") as watch:
                    peer.close()
                    drawn = watch.output()
        self.assertIn("(open before", drawn)
        self.assertEqual(states_on(drawn, "left"), ["TIME-WAIT"])
        self.assertEqual(states_on(drawn, "right"), ["LAST-ACK", "CLOSED"])

    def test_a_long_transfer_is_a_short_ladder(self):
        with listener() as server, Watch(self.port(server), "--count", "1") as watch:
            with socket.create_connection(server.getsockname(), PATIENCE) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer, _ = server.accept()
                with peer:
                    for _ in range(1000):
                        client.sendall(b"x")
                        peer.recv(1)
            drawn = watch.output()
        self.assertRegex(drawn, r"\.\.\. \d+ segments, \d+ bytes of data")
        self.assertLess(len(drawn.splitlines()), 200)
        self.assertIn("TIME-WAIT", drawn)

    def test_filters_by_state_and_process(self):
        with listener() as server, listener() as other:
            with Watch("state", "time-wait", "--count", "1") as watch:
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", 1), PATIENCE)
                hold_conversation(server)
                drawn = watch.output()
            self.assertNotIn("refused", drawn)
            self.assertIn("TIME-WAIT", drawn)
            with Watch("pid", str(os.getpid()), "--count", "1") as watch:
                hold_conversation(other)
                self.assertIn(self.port(other), watch.output())

    def test_json(self):
        with listener() as server, Watch(self.port(server), "--json", "--count", "1") as watch:
            hold_conversation(server)
            events = [json.loads(line) for line in watch.output().splitlines()]
        self.assertEqual(list(events[0]),
                         ["kind", "time", "connection", "time_ms", "source", "destination", "bits",
                          "sequence", "acknowledgement", "length", "remarks", "states"])
        self.assertEqual(events[0]["bits"], ["SYN"])
        self.assertEqual([change["to"] for change in events[0]["states"]], ["SYN-SENT"])
        self.assertEqual((events[-1]["kind"], events[-1]["ending"]), ("end", "closed"))
        self.assertTrue(all(change["legal"] for event in events[:-1] for change in event["states"]))

    def test_svg_is_a_picture_by_itself(self):
        with listener() as server, Watch(self.port(server), "--format", "svg", "--count",
                                         "1") as watch:
            hold_conversation(server)
            picture = watch.output()
        root = xml.etree.ElementTree.fromstring(picture)
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        words = " ".join(root.itertext())
        for word in ("SYN-RECEIVED", "FIN-WAIT-2", "LAST-ACK", "TIME-WAIT", "SYN+ACK seq=0 ack=1"):
            self.assertIn(word, words)
        self.assertNotRegex(picture.replace("http://www.w3.org/2000/svg", ""), "https?:|href|@import")
        for element in root.iter():
            for name in ("x", "x1", "x2"):
                self.assertTrue(0 <= float(element.get(name, 0)) <= float(root.get("width")))

    def test_mermaid_is_a_sequence_diagram(self):
        with listener() as server, Watch(self.port(server), "--format", "mermaid", "--count",
                                         "2") as watch:
            hold_conversation(server)
            hold_conversation(server)
            lines = watch.output().splitlines()
        self.assertEqual(lines[0], "sequenceDiagram")
        grammar = (r"  participant (left|right)\d+ as 127\.0\.0\.1:\d+",
                   r"  Note (left|right) of \w+: [A-Z0-9-]+",
                   r"  Note over left\d+,right\d+: [^;#]+",
                   r"  (left|right)\d+(->>|-x)(left|right)\d+: [^;#]+")
        for line in lines[1:]:
            self.assertTrue(any(re.fullmatch(form, line) for form in grammar), line)
        self.assertEqual(sum("participant" in line for line in lines), 4)

    def test_ends_when_nobody_reads(self):
        with listener() as server, Watch(self.port(server)) as watch:
            watch.process.stdout.close()
            self.assertIsNotNone(watch.process.wait(PATIENCE))
            watch.process.stdout = None

    def test_says_what_is_missing_without_the_right(self):
        done = run("watch", "--sequence", ":7788",
                   preexec_fn=lambda: os.setresuid(65534, 65534, 65534))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"needs CAP_NET_RAW.* setcap cap_net_raw\+ep /")


def may_be_alone():
    """Whether a network namespace of one's own can be had."""
    done = subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    if ALONE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        unittest.main()
    elif not may_be_alone():
        print("skipped: no network namespace to be had")
        sys.exit(77)
    else:
        os.environ[ALONE] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
