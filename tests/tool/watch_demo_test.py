# SPDX-License-Identifier: MIT
#
# `headrace watch --demo`: each demo asks the kernel whether what it tells is so, and fails where it
# is not. Here: that all succeed, without root, and show what they are about.
import concurrent.futures
import os
import subprocess
import sys
import unittest

from _program import PATIENCE, PROGRAM, run

# What must be in the output of each.
DEMOS = {
    "handshake": (r"LISTEN", r"SYN\+ACK seq=0 ack=1", r"the accept queue holds 1",
                  r"the accept queue holds 0"),
    "close": (r"FIN-WAIT-2 +\|<", r"\| CLOSE-WAIT", r"recv\(\) of the server returns 0",
              r"receives 14 bytes", r"\| LAST-ACK", r"TIME-WAIT +\|-"),
    "time-wait": (r"in TIME-WAIT, for [1-6]?\d\.\d s more", r"Cut short"),
    "lost-last-ack": (r"7788 is in LAST-ACK", r"\(sent again\)", r"began anew: its end is \d+\.\d s later"),
    "late-segment": (r"RST seq=", r"tcp_rfc1337", r"has no socket of 127.0.0.1:50001"),
    "simultaneous-close": (r"50001 is in CLOSING", r"7788 is in CLOSING",
                           r"7788 is in TIME-WAIT"),
    "reset": (r"ECONNREFUSED", r"ECONNRESET", r"CLOSED +\|-+ RST\+ACK ack=1 -+>\| CLOSED"),
    "backlog": (r"holds 2, and is full", r"\(sent again\)", r"50003 is in SYN-SENT",
                r"50003 is in ESTABLISHED"),
    "half-open": (r"50001 is in ESTABLISHED", r"<-+ RST seq=1", r"ECONNRESET"),
    "reuse-address": (r"without SO_REUSEADDR: Address already in use",
                      r"7788 with SO_REUSEADDR: works", r"7789 with SO_REUSEADDR: Address"),
}
NOBODY = 65534


def demo(name, **options):
    return run("watch", "--demo", name, **options)


def namespaces_are_off():
    """Why no demo can run here, or nothing."""
    done = demo("handshake")
    return done.stderr if done.returncode == 1 and "namespace of its own" in done.stderr else ""


class Demos(unittest.TestCase):
    def test_every_demo_is_as_it_says(self):
        with concurrent.futures.ThreadPoolExecutor(len(DEMOS)) as pool:
            for name, done in zip(DEMOS, pool.map(demo, DEMOS)):
                with self.subTest(name):
                    self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
                    self.assertNotIn("\x1b", done.stdout)
                    self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
                    for pattern in DEMOS[name]:
                        self.assertRegex(done.stdout, pattern)

    def test_the_list_has_them_all(self):
        done = run("watch", "--demo")
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], list(DEMOS))

    def test_needs_no_root(self):
        done = demo("close", preexec_fn=lambda: os.setresuid(NOBODY, NOBODY, NOBODY))
        if "namespace of its own" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_says_where_user_namespaces_are_off(self):
        # In a user namespace of which the limit is 0, by somebody who has no rights in it.
        script = ("echo 0 > /proc/sys/user/max_user_namespaces && "
                  'exec setpriv --bounding-set=-all --inh-caps=-all "$0" watch --demo close')
        done = subprocess.run(["unshare", "-Ur", "sh", "-c", script, PROGRAM], timeout=PATIENCE,
                              capture_output=True, encoding="utf-8", check=False)
        if "max_user_namespaces" not in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertRegex(done.stderr, r"^headrace: watch --demo close: no namespace of its own: "
                                      r"No space left on device \(unshare\): .*run this as root")

    def test_ends_when_nobody_reads(self):
        with subprocess.Popen([PROGRAM, "watch", "--demo", "time-wait"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.read(1)
            process.stdout.close()
            process.stderr.read()
            self.assertNotEqual(process.wait(PATIENCE), 0)

    def test_an_unknown_name_gets_a_guess(self):
        done = demo("tme-wait")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"time-wait")


if __name__ == "__main__":
    if REASON := namespaces_are_off():
        print("skipped:", REASON)
        sys.exit(77)
    unittest.main()
