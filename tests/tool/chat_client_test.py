# SPDX-License-Identifier: MIT
#
# headrace chat: as a filter between pipes, and on a terminal, of which the screen is looked at.
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from _known_server import Server as KnownServer
from _namespaces import be_alone_where_possible
from _program import PATIENCE, PROGRAM, Server, run, scratch_directory
from chat_test import Member


def chat(server, *arguments, **options):
    return subprocess.Popen([PROGRAM, "chat", str(server.port), *arguments], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


class Filter(unittest.TestCase):
    def test_lines_in_and_lines_out(self):
        with Server(service="chat") as server, Member(server, "ann") as ann:
            bot = chat(server, "--nick", "bot")
            ann.hears(self, "-- bot is here")
            ann.say("hello")
            for line in (b"-- you are bot\n", b"-- in lobby (2): ann bot\n", b"<ann> hello\n"):
                self.assertEqual(bot.stdout.readline(), line)
            out, err = bot.communicate(b"one\ntwo\nthe last", PATIENCE)
            self.assertEqual((out, err, bot.returncode), (b"", b"", 0))
            ann.hears(self, "<bot> one", "<bot> two", "<bot> the last", "-- bot has left")

    def test_the_encoding_of_the_server(self):
        def speak_gbk(peer, _number):
            lines = peer.makefile("rb")
            nick = lines.readline().decode("gbk")
            peer.sendall(f"-- you are {nick}".encode("gbk"))
            right = (nick, lines.readline()) == ("张三\n", "你好\n".encode("gbk"))
            peer.sendall(("对\n" if right else "错\n").encode("gbk"))

        with KnownServer(speak_gbk) as server:
            done = subprocess.run([PROGRAM, "chat", server.address, "--encoding", "gbk", "--nick",
                                   "张三"], input="你好\n".encode(), capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual((done.stdout.decode(), done.stderr),
                             ("-- you are 张三\n对\n", b""))
            self.assertEqual(done.returncode, 0)

    def test_a_nick_that_is_taken_is_no_reason_to_talk_as_somebody_else(self):
        with Server(service="chat") as server, Member(server, "ann") as ann:
            done = subprocess.run([PROGRAM, "chat", str(server.port), "--nick", "Ann"],
                                  input=b"secret\n", capture_output=True, timeout=PATIENCE,
                                  check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr.decode(), "choose another nick: somebody is called Ann")
            with Member(server, "bob"):
                ann.hears(self, "-- bob is here")  # and not: -- secret is here

    def test_ctrl_c_leaves(self):
        with Server(service="chat") as server, Member(server, "ann") as ann:
            with chat(server, "--nick", "bot") as bot:
                ann.hears(self, "-- bot is here")
                bot.send_signal(signal.SIGINT)
                ann.hears(self, "-- bot has left")
                self.assertEqual(bot.wait(PATIENCE), 0)

    def test_who_leaves_the_pipe_early(self):
        with Server(service="chat") as server, Member(server, "ann") as ann:
            bot = chat(server, "--nick", "bot")
            ann.hears(self, "-- bot is here")
            bot.stdout.close()
            ann.say("hello", "again")
            ann.wait_for("-- bot has left")
            self.assertEqual(bot.wait(PATIENCE), 0)
            bot.stdin.close()
            bot.stderr.close()

    def test_what_is_wrong_is_said(self):
        for words, status, part in (((), 2, "which ADDR?"), (("nonsense:x",), 2, "address"),
                                    (("7788", "--nick", "a b"), 2, "'a b' is no nick"),
                                    (("7788", "--encoding", "klingon"), 2, "klingon"),
                                    (("unix:/nobody/here",), 1, "connect to unix:/nobody/here")):
            with self.subTest(words):
                done = run("chat", *words)
                self.assertEqual(done.returncode, status)
                self.assertIn(part, done.stderr)


@unittest.skipUnless(shutil.which("tmux"), "no tmux")
class OnATerminal(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(scratch_directory())
        self.tmux_socket = os.path.join(folder, "tmux")
        self.server = self.enterContext(Server(service="chat"))
        self.ann = self.enterContext(Member(self.server, "ann"))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "60", "-y", "20",
                  f"{PROGRAM} chat {self.server.port} --nick bob; echo status $?; exec cat")
        self.addCleanup(self.tmux, "kill-server")
        self.sees("-- in lobby (2): ann bob", ">")
        self.ann.hears(self, "-- bob is here")

    def tmux(self, *words):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "screen"}
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-u", "-S", self.tmux_socket, *words], env=environment,
                              capture_output=True, encoding="utf-8", timeout=PATIENCE,
                              check=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def sees(self, *ends):
        """Waits until the last lines of the screen end so; they are the whole rest of it."""
        until = time.monotonic() + PATIENCE
        while True:
            last = self.screen()[-len(ends):]
            if len(last) == len(ends) and all(line.rstrip().endswith(end)
                                              for line, end in zip(last, ends)):
                return
            if time.monotonic() > until:
                raise AssertionError(f"{ends} are not the end of {self.screen()}")
            time.sleep(0.02)  # between two looks

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def wait_for_width(self, columns):
        """tmux tells the program a moment after it has laid out its lines anew."""
        until = time.monotonic() + PATIENCE
        with open(self.tmux("display-message", "-p", "#{pane_tty}").strip(), "rb") as terminal:
            while os.get_terminal_size(terminal.fileno()).columns != columns:
                self.assertLess(time.monotonic(), until, "the terminal's size has not come")
                time.sleep(0.02)  # between two looks

    def test_typing_while_others_talk(self):
        self.type("-l", "half a 漢字 line")
        self.sees("> half a 漢字 line")
        self.ann.say("hello 世界")
        self.sees("<ann> hello 世界", "> half a 漢字 line")
        self.type("Left", "Left", "Left", "Left", "BSpace", "x")  # the cursor has stayed
        self.sees("> half a 漢字xline")
        self.type("Enter")
        self.ann.hears(self, "<bob> half a 漢字xline")

    def test_a_line_of_several_rows(self):
        self.type("-l", "word " * 30)
        self.sees("word")
        self.ann.say("hello")
        whole = "> " + "word " * 30
        self.sees("<ann> hello", *(whole[at:at + 60].rstrip() for at in (0, 60, 120)))
        self.assertEqual(sum("> word" in line for line in self.screen()), 1)

    def test_a_lone_escape_holds_up_nothing(self):
        self.type("-l", "半角 half")
        self.type("Escape")
        self.ann.say("meanwhile 世界")
        self.sees("<ann> meanwhile 世界", "> 半角 half")
        self.type("Escape")  # ESC ESC is no command
        self.type("-l", "漢字")
        self.sees("<ann> meanwhile 世界", "> 半角 half漢字")
        self.type("Enter")
        self.ann.hears(self, "<bob> 半角 half漢字")

    def test_completion(self):
        self.type("-l", "/ni")
        self.type("Tab")
        self.type("-l", "robert")
        self.type("Enter")
        self.ann.hears(self, "-- bob is now robert")
        self.ann.say("I am here")
        self.sees("<ann> I am here", ">")
        self.type("-l", "hello a")
        self.type("Tab", "Enter")
        self.ann.hears(self, "<robert> hello ann ")

    def test_hostile_lines_do_not_reach_the_terminal(self):
        def speak(peer, _number):
            peer.recv(100)
            peer.sendall(b"\x1b[2J\x1b]0;title\x07 \xe2\x80\xae\n")
            peer.recv(100)

        with KnownServer(speak) as evil:
            self.tmux("respawn-pane", "-k", f"{PROGRAM} chat {evil.address} --nick bob; exec cat")
            self.sees("\\x1b[2J\\x1b]0;title\\x07 \\u{202E}", ">")

    def test_a_lost_connection_is_made_again(self):
        self.type("-l", "half")
        self.sees("> half")
        port = self.server.port
        self.server.process.kill()
        self.server.wait()
        with Server(service="chat", listen=(f"tcp://127.0.0.1:{port}",)) as again, \
                Member(again, "cem") as cem:
            while "bob" not in cem.ask("/who"):  # it comes when it has waited
                self.sees("> half")
            self.sees("> half")
            self.type("-l", " and half")
            self.type("Enter")
            cem.wait_for("<bob> half and half")

    def test_tries_again_after_longer_and_longer_pauses(self):
        self.tmux("resize-window", "-x", "80", "-y", "20")
        self.type("-l", "half")
        self.server.process.kill()
        self.server.wait()
        pauses = []
        while len(pauses) < 3:  # there may be more of them by the time we look
            self.sees("> half")
            pauses = re.findall(r"trying again in (\d+s)", "\n".join(self.screen()))
        self.assertEqual(pauses[:3], ["1s", "2s", "4s"])

    def restart(self, *command):
        self.tmux("respawn-pane", "-k", " ".join(map(str, command)))

    def test_ctrl_z_and_fg(self):
        self.restart("env PS1=\\$\\  bash --norc --noprofile -i")
        self.ann.hears(self, "-- bob has left")
        self.sees("$")
        self.type("-l", f"{PROGRAM} chat {self.server.port} --nick bob")
        self.type("Enter")
        self.ann.hears(self, "-- bob is here")
        self.sees("(2): ann bob", ">")
        self.type("-l", "half a line")
        self.sees("> half a line")
        self.type("C-z")
        self.sees("$")
        self.assertIn("Stopped", "\n".join(self.screen()))
        self.type("-l", "stty -a | grep -o ' icanon'")  # the terminal is as it was
        self.type("Enter")
        self.sees(" icanon", "$")
        self.ann.say("meanwhile")
        self.type("fg", "Enter")
        self.sees("<ann> meanwhile", "> half a line")
        self.type("-l", " and half")
        self.type("Enter")
        self.ann.hears(self, "<bob> half a line and half")

    def test_another_size_of_the_terminal(self):
        self.type("-l", "word " * 14)
        whole = "> " + "word " * 14
        self.sees(whole[:60].rstrip(), whole[60:].rstrip())
        for columns in (40, 70):
            self.tmux("resize-window", "-x", str(columns), "-y", "20")
            self.wait_for_width(columns)
            self.type("-l", "x")  # when it is there, the new size has been taken note of
            whole += "x"
            lines = [whole[at:at + columns].rstrip() for at in range(0, len(whole), columns)]
            self.sees(*lines)
            self.ann.say(f"hello {columns}")
            self.sees(f"<ann> hello {columns}", *lines)
            self.assertEqual(sum("> word" in line for line in self.screen()), 1)
        self.type("Enter")
        self.ann.hears(self, "<bob> " + whole[2:])

    def test_the_terminal_goes_away(self):
        pane = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{pane}/task/{pane}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), signal.SIGHUP)
        self.ann.hears(self, "-- bob has left")
        self.sees("status 0")

    def test_a_screen_of_80_by_24(self):
        self.tmux("resize-window", "-x", "80", "-y", "24")
        self.ann.say("hello", "你好，世界", "/me waves", "x" * 100, "\x1b[31mred")
        self.type("-l", "an answer, half")
        self.sees("\\x1b[31mred", "> an answer, half")
        lines = [re.sub(r"^\d\d:\d\d ", "TT:TT ", line) for line in self.screen()]
        self.assertEqual(lines, [
            "TT:TT -- you are bob",
            "TT:TT -- in lobby (2): ann bob",
            "TT:TT <ann> hello",
            "TT:TT <ann> 你好，世界",
            "TT:TT * ann waves",
            "TT:TT <ann> " + "x" * 68,
            "x" * 32,
            "TT:TT <ann> \\x1b[31mred",
            "> an answer, half"])

    def test_with_one_other_over_udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.settimeout(PATIENCE)
            port = other.getsockname()[1]
            self.restart(PROGRAM, "chat", f"udp://127.0.0.1:{port}; echo status $?; exec cat")
            self.sees(">")
            self.type("-l", "你好")
            self.type("Enter")
            data, sender = other.recvfrom(100)
            self.assertEqual(data.decode(), "你好")
            self.type("-l", "half 漢字")
            self.sees("> half 漢字")
            other.sendto("谢谢\x1b[2J".encode(), sender)
            self.sees(f"<127.0.0.1:{port}> 谢谢\\x1b[2J", "> half 漢字")
            self.type("Enter", "C-d")
            self.assertEqual(other.recv(100).decode(), "half 漢字")
            self.sees("status 0")

    def test_ways_out(self):
        self.type("-l", "half")
        self.type("C-c")
        self.ann.hears(self, "-- bob has left")
        self.sees("status 0")
        self.assertNotIn("> half", "\n".join(self.screen()))
        self.tmux("respawn-pane", "-k", f"{PROGRAM} chat {self.server.port} --nick bob; "
                  "stty -a | tr ' ' '\\n' | grep -x icanon\\;\\*; exec cat")
        self.ann.hears(self, "-- bob is here")
        self.sees("-- in lobby (2): ann bob", ">")  # what is typed before may be flushed
        self.type("C-d")
        self.ann.hears(self, "-- bob has left")
        self.sees("icanon")


if __name__ == "__main__":
    be_alone_where_possible()  # a server goes, and another comes at its port
    unittest.main()
