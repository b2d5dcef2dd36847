# SPDX-License-Identifier: MIT
"""`headrace bench --compare`: who is compared, what is said of each, and that nothing stays behind.

Each run is the leader of a session of its own: whatever it has started is found by that.
"""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
import unittest

from _program import PATIENCE, PROGRAM, SOURCE, built_models, run, shown_on
from _schema import validate

RIVAL = f"{sys.executable} {os.path.join(SOURCE, 'tests', 'tool', '_rival.py')} {{port}}"
MODELS = ",".join(model for model in ("iterative", "process", "thread", "epoll-edge")
                  if model in built_models())
QUICK = ("-d", "50ms", "--rounds", "2", "--timeout", "20s")


def start(*arguments, **options):
    return subprocess.Popen([PROGRAM, "bench", "--compare", *map(str, arguments)],
                            stdin=subprocess.DEVNULL, start_new_session=True, text=True,
                            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


def members(session):
    """Processes of a session that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, _, of_session = file.read().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if int(of_session) == session and state != "Z":
            found.append(int(name))
    return found


def all_have_ended(session):
    """What was killed with SIGKILL may still be on its way out."""
    until = time.monotonic() + PATIENCE
    while members(session) and time.monotonic() < until:
        time.sleep(0.01)
    return not members(session)


class Comparisons(unittest.TestCase):
    def compare(self, *arguments, status=0):
        running = start("--json", *arguments)
        output, said = running.communicate(timeout=2 * PATIENCE)
        self.assertEqual(running.returncode, status, said)
        self.assertTrue(all_have_ended(running.pid), members(running.pid))
        report = json.loads(output)
        validate(report)
        return report, said

    def compare_until_served(self, figure, *arguments):
        """With rounds long enough that everybody was served in each, however busy the machine is."""
        for length in ("50ms", "500ms", "5s"):
            report, said = self.compare(*arguments, "-d", length, "--rounds", 2, "--timeout", "20s")
            rates = [rate for entry in report["results"] for rate in entry["spread"][figure]["rounds"]]
            if all(rates):
                break
        return report, said

    def test_models(self):
        report, said = self.compare_until_served("messages_per_second", "--models", MODELS, "-c", 4)
        self.assertEqual([entry["name"] for entry in report["results"]], MODELS.split(","))
        for entry in report["results"]:
            with self.subTest(entry["name"]):
                self.assertEqual(entry["model"], entry["name"])
                self.assertEqual(entry["rounds"], 2)
                self.assertGreater(entry["messages_per_second"], 0)
                self.assertEqual(entry["errors"], 0)
                left = 3 if entry["name"] == "iterative" else 0
                self.assertEqual(entry["connections_never_answered"], left)
                rates = entry["spread"]["messages_per_second"]
                self.assertEqual(entry["messages_per_second"], sum(rates["rounds"]) / 2)
                self.assertEqual([rates["lowest"], rates["highest"]], sorted(rates["rounds"]))
        self.assertIn("round 2 of 2", said)
        first, *rest = said.splitlines()
        self.assertRegex(first, rf"^headrace: bench --compare: {len(report['results'])} servers?, "
                                r"1 case, 2 rounds: about \d+s$")
        self.assertEqual(len(rest), 2 * len(report["results"]))

    def test_its_sentence_says_that_few_rounds_tell_nothing(self):
        report, _ = self.compare("--models", "thread,epoll-edge", "-c", 2, *QUICK)
        self.assertEqual(len(report["verdicts"]), 1)
        self.assertIsNone(report["verdicts"][0]["winner"])
        self.assertIn("too few rounds", report["verdicts"][0]["sentence"])

    def test_it_says_where_and_how_to_repeat_it(self):
        report, _ = self.compare("--models", "thread", "-c", 2, *QUICK)
        where = report["environment"]
        self.assertEqual(where["command"],
                         "headrace bench --compare --json --models thread -c 2 -d 50ms --rounds 2 "
                         "--timeout 20s")
        cores = sorted(os.sched_getaffinity(0))
        pinned = [[cores[0]], [cores[-1]]] if len(cores) > 1 else [None, None]
        self.assertEqual([where["pinning"]["server"], where["pinning"]["load"]], pinned)
        self.assertEqual(where["cores"], len(cores))
        self.assertIn("Linux", where["kernel"])

    def test_a_limit_makes_shorter_and_fewer_rounds(self):
        report, said = self.compare("--models", "thread,epoll-edge", "-c", 2, "--rounds", 1000,
                                    "--within", "1500ms", "--timeout", "20s")
        self.assertIn("1000 rounds: about 2s\n", said)
        self.assertEqual(report["within_seconds"], 1.5)
        self.assertGreaterEqual(report["round_seconds"], 0.05)
        for entry in report["results"]:
            self.assertGreaterEqual(entry["rounds"], 1)
            self.assertLessEqual(entry["rounds"], 15)  # 1.5 s of 50 ms each, for two

    def test_connections_sizes_workers_churn(self):
        report, _ = self.compare("connections,sizes,workers,churn", "--models", "epoll-edge", "-c",
                                 100, "-d", "30ms", "--rounds", 1, "--timeout", "20s")
        found = [(entry["compare"], entry["connections"], entry["size"], entry["workers"],
                  entry["churn"]) for entry in report["results"]]
        cores = len(os.sched_getaffinity(0))
        loops = [number for number in (1, 2, 4, 8, 16, 32, 64) if number < cores] + [cores]
        self.assertEqual(found, [("connections", 10, 64, None, None),
                                 ("connections", 100, 64, None, None)] +
                         [("sizes", 100, size, None, None) for size in (64, 1024, 16384, 262144)] +
                         [("workers", 100, 64, number, None) for number in loops] +
                         [("churn", 100, 64, None, 1)])

    def test_churn(self):
        report, _ = self.compare_until_served("connections_per_second", "churn", "--models",
                                              "epoll-edge")
        self.assertGreater(report["results"][0]["connections_per_second"], 0)

    def test_others_stand_in_the_same_table(self):
        report, _ = self.compare_until_served(
            "messages_per_second", "--models", "thread", "-c", 3, "--against", f"别人={RIVAL}",
            "--against", f"few={RIVAL} few")
        ours, other, few = report["results"]
        self.assertEqual((ours["model"], other["model"], other["name"]), ("thread", None, "别人"))
        self.assertIn("{port}", other["server"])
        self.assertGreater(other["messages_per_second"], 0)
        self.assertGreater(other["server_cpu_us_per_message"], 0)
        self.assertEqual(other["connections_never_answered"], 0)
        self.assertEqual(few["connections_never_answered"], 2)

    def test_one_that_does_not_start_is_an_error_and_the_others_go_on(self):
        report, said = self.compare("--models", "thread", "-c", 2, *QUICK, "--against",
                                    "broken=echo no such thing as {port} >&2; exit 3", status=1)
        ours, broken = report["results"]
        self.assertEqual((ours["rounds"], broken["rounds"]), (2, 0))
        self.assertRegex(broken["failure"], r"it ended at once: no such thing as \d+$")
        self.assertIn("broken (2 connections, 64 B): it ended at once", said)

    def test_servers_that_do_not_want_to_end_are_ended(self):
        self.compare("--models", "thread", "-c", 2, "-d", "30ms", "--rounds", 1, "--against",
                     f"stubborn={RIVAL} deaf children")

    def test_people_get_tables_of_eighty_columns(self):
        done = run("bench", "--compare", "--models", "thread,iterative", "-c", "2", *QUICK)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], "^2 connections, 64 B; 2 rounds of 50ms$")
        self.assertIn("1 left waiting", done.stdout)
        self.assertLessEqual(max(map(len, lines[:-1])), 80)  # the last is the command, as it is

    def test_an_interrupt_leaves_a_report_and_nobody_behind(self):
        running = start("--json", "--models", "thread,process", "-c", 2, "-d", "50ms", "--rounds",
                        100_000)
        running.stderr.readline()  # how long it will take
        running.stderr.readline()  # a round is over
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=PATIENCE)
        self.assertEqual(running.returncode, 0)
        report = json.loads(output)
        validate(report)
        self.assertTrue(report["interrupted"])
        self.assertGreaterEqual(report["results"][0]["rounds"], 1)
        self.assertTrue(all_have_ended(running.pid), members(running.pid))

    def test_a_violent_end_leaves_nobody_behind(self):
        for signals in ((signal.SIGINT, signal.SIGINT), (signal.SIGKILL,)):
            running = start("--models", "thread,epoll-edge", "-c", 2, "-d", "10m")
            until = time.monotonic() + PATIENCE
            while len(members(running.pid)) < 2 and time.monotonic() < until:
                time.sleep(0.01)  # between two looks for the server
            for number in signals:
                running.send_signal(number)
            running.communicate(timeout=PATIENCE)
            self.assertTrue(all_have_ended(running.pid), members(running.pid))


class LiveView(unittest.TestCase):
    def watch(self, *arguments, columns=80, **environment):
        """What a terminal gets to see of a run, as text."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        settings = {"TERM": "xterm", "LANG": "C.UTF-8", "PATH": os.environ["PATH"], **environment}
        running = start(*arguments, stderr=theirs, env=settings)
        os.close(theirs)
        seen = shown_on(ours)
        running.communicate(timeout=PATIENCE)
        os.close(ours)
        self.assertEqual(running.returncode, 0)
        return seen.decode()

    def lines_of(self, seen):
        """Of the picture, without control sequences; and without what was said before it."""
        text = re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", seen).replace("\r", "")
        return [line for line in text.splitlines() if not line.startswith("headrace: ")]

    def width(self, line):
        return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)

    def test_is_drawn_in_place_and_taken_away(self):
        seen = self.watch("--models", "thread,epoll-edge", "-c", 2, *QUICK)
        self.assertIn("\x1b[4A", seen)  # up, by as many lines as were drawn
        self.assertTrue(seen.endswith("\x1b[J"))
        self.assertIn("s left", seen)
        self.assertRegex(seen, "> epoll-edge")
        self.assertIn("\x1b[1m", seen)

    def test_no_color_is_obeyed(self):
        self.assertNotIn("\x1b[1m", self.watch("--models", "thread", "-c", 2, *QUICK, NO_COLOR="1"))

    def test_a_dumb_terminal_gets_plain_lines(self):
        seen = self.watch("--models", "thread", "-c", 2, *QUICK, TERM="dumb")
        self.assertNotIn("\x1b", seen)
        self.assertIn("round 2 of 2: thread", seen)

    def test_wide_letters_keep_the_columns(self):
        seen = self.watch("--models", "thread", "-c", 2, *QUICK, "--against", f"别人的服务器={RIVAL}")
        rows = [line for line in self.lines_of(seen) if re.search(r" us +\S+ [mu]s ", line)]
        self.assertTrue(any("别人" in row for row in rows))
        ends = {self.width(row[:row.index(" us")]) for row in rows}
        self.assertEqual(len(ends), 1, rows)

    def test_a_narrow_terminal_is_not_overflowed(self):
        seen = self.watch("--models", "thread", "-c", 2, *QUICK, columns=40)
        self.assertLess(max(map(self.width, self.lines_of(seen))), 40)


if __name__ == "__main__":
    unittest.main()
