# SPDX-License-Identifier: MIT
#
# The live view of `headrace watch` on a terminal: what it shows, its keys, a change of size, and that
# it leaves the terminal as it was.
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unittest

from _program import PATIENCE, PROGRAM
from _tcp_states import Sockets, enter_own_network

enter_own_network()


class Screen:
    """The program on a terminal of `columns` x `rows`; what it wrote, and the last frame of it."""

    def __init__(self, *arguments, columns=80, rows=24, **environment):
        looked, may_begin = os.pipe()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.close(may_begin)
            os.read(looked, 1)  # the end: how the terminal is before has been looked at
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
            os.execv(PROGRAM, [PROGRAM, "watch", "--interval", "50ms", *arguments])
        os.close(looked)
        self.before = termios.tcgetattr(self.terminal)
        os.close(may_begin)
        self.written = ""
        self.status = None

    def read(self, seconds=0.1):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self.terminal, 65536)
        except OSError:  # it has gone
            return False
        self.written += part.decode("utf-8", "replace")
        return bool(part)

    @property
    def frame(self):
        """The last whole frame: text without styles, a line a row."""
        frames = self.written.split("\x1b[H")
        last = frames[-2] if len(frames) > 2 else frames[-1]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last).replace("\r", "").split("\n")

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if condition():
                return
            if not self.read():
                break
        raise AssertionError(f"never came: {what}\n" + "\n".join(self.frame))

    def shows(self, pattern):
        self.wait_for(lambda: any(re.search(pattern, line) for line in self.frame), pattern)

    def press(self, keys):
        os.write(self.terminal, keys.encode())

    def resize(self, columns, rows):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for_end(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.status is None:
            self.read(0.01)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
        while self.read(0) and select.select([self.terminal], [], [], 0)[0]:
            pass
        return self.status

    def end_by(self, how):
        """Keys or a signal: the exit status."""
        if isinstance(how, str):
            self.press(how)
        else:
            os.kill(self.pid, how)
        return self.wait_for_end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)


class View(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sockets = Sockets()
        cls.addClassCleanup(cls.sockets.close)
        cls.sockets.make_every_state()

    def test_shows_diagram_listeners_and_connections(self):
        with Screen() as screen:
            screen.shows(r"SYN-RECEIVED.*ESTABLISHED.*SYN-SENT")
            screen.shows(r"FIN-WAIT-2.*TIME-WAIT.*CLOSED.*LAST-ACK")
            screen.shows(r"^LISTENERS +ACCEPT-Q BACKLOG +DROPS")
            screen.shows(r"^STATE +LOCAL +REMOTE +AGE")
            screen.shows(r"^SYN-SENT +:\d+ +127\.0\.0\.1:\d+ .* rtx ")
            screen.wait_for(lambda: len(screen.frame) == 24, "a whole frame")
            self.assertTrue(all(len(line) <= 80 for line in screen.frame), screen.frame)

    def test_follows_the_size_of_the_terminal(self):
        self.sockets.make_time_wait()
        with Screen() as screen:
            screen.shows(r"^ *headrace watch")
            screen.resize(200, 50)
            screen.wait_for(lambda: len(screen.frame) == 50, "50 rows")
            screen.shows(r"EVENTS")
            screen.shows(r"time-wait \d+")
            screen.resize(40, 6)
            screen.wait_for(lambda: len(screen.frame) == 6, "6 rows")
            screen.resize(1, 1)
            screen.wait_for(lambda: len(screen.frame) == 1, "1 row")

    def test_time_wait_counts_down(self):
        self.sockets.make_time_wait()  # it lasts a minute, which those before may have taken
        with Screen("state", "time-wait") as screen:
            screen.shows(r"2msl \d+")
            left = [int(re.search(r"2msl (\d+)", "\n".join(screen.frame)).group(1))]

            def is_less():
                found = re.search(r"2msl (\d+)", "\n".join(screen.frame))
                return found and int(found.group(1)) < left[0]
            screen.wait_for(is_less, "a smaller number")

    def test_keys_sort_filter_pause_and_quit(self):
        with Screen() as screen:
            screen.shows(r"^ *headrace watch")
            screen.press("x")  # what is missing here is shown until the first key
            screen.shows("sort: state")
            screen.press("s")
            screen.shows("sort: age")
            screen.press("r")
            screen.shows("sort: age reversed")
            screen.press("/state close-wait\r")
            screen.shows("headrace watch state close-wait")
            screen.shows(r"^CLOSE-WAIT")
            screen.press("/state nonsense\r")
            screen.shows("no TCP state is called")
            screen.press(" ")
            screen.shows("PAUSED")
            screen.press("?")
            screen.shows("the other way round")
            screen.press("\x1b[B\x1b[5~\x1b[Z?q")
            self.assertEqual(screen.wait_for_end(), 0)

    def expect_as_before(self, screen):
        self.assertIn("\x1b[?1049l", screen.written)
        self.assertIn("\x1b[?25h", screen.written)
        self.assertEqual(termios.tcgetattr(screen.terminal)[:4], screen.before[:4])

    def test_leaves_the_terminal_as_it_was(self):
        for how in ("\x03", "q", signal.SIGTERM):
            with self.subTest(how), Screen() as screen:
                screen.shows(r"^ *headrace watch")
                self.assertEqual(screen.end_by(how), 0)
                self.expect_as_before(screen)

    def test_what_kills_it_leaves_the_terminal_as_it_was_too(self):
        for how in ("\x1c", signal.SIGSEGV, signal.SIGABRT):  # Ctrl-\ and two crashes
            with self.subTest(how), Screen() as screen:
                screen.shows(r"^ *headrace watch")
                self.assertNotEqual(screen.end_by(how), 0)
                self.expect_as_before(screen)

    def test_suspended_it_gives_the_terminal_back_and_takes_it_again(self):
        with Screen() as screen:
            screen.shows(r"^ *headrace watch")
            screen.press("\x1a")
            screen.wait_for(lambda: os.WIFSTOPPED(
                os.waitpid(screen.pid, os.WUNTRACED | os.WNOHANG)[1]), "it stopped")
            screen.wait_for(lambda: "\x1b[?1049l" in screen.written, "the first screen")
            self.expect_as_before(screen)
            screen.written = ""
            os.kill(screen.pid, signal.SIGCONT)
            screen.wait_for(lambda: "\x1b[?1049h" in screen.written, "the second screen")
            screen.shows(r"^ *headrace watch")
            screen.press("q")
            self.assertEqual(screen.wait_for_end(), 0)

    def test_no_color_means_no_colour(self):
        with Screen(NO_COLOR="1") as screen:
            screen.shows("ESTABLISHED")
            self.assertIsNone(re.search(r"\x1b\[0;\d+m", screen.written))
        with Screen(NO_COLOR="") as screen:
            screen.shows("ESTABLISHED")
            self.assertIsNotNone(re.search(r"\x1b\[0;\d+m", screen.written))

    def test_without_utf8_it_is_drawn_in_ascii(self):
        with Screen(LC_ALL="C") as screen:
            screen.shows(r"LISTEN ---- SYN --->")
            self.assertTrue(screen.written.isascii())

    def test_a_dumb_terminal_gets_lines(self):
        with Screen(TERM="dumb") as screen:
            screen.wait_for(lambda: "STATE        LOCAL" in screen.written, "the heading")
            self.assertNotIn("\x1b", screen.written)


if __name__ == "__main__":
    unittest.main()
