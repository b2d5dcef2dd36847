# SPDX-License-Identifier: MIT
#
# headrace serve chat: what members see of each other, under every model that has company; those who
# do not read, flood, reset, send half lines and hostile bytes; what outlives the server.
import contextlib
import os
import re
import socket
import struct
import threading
import unittest

from _program import (ANY_PORT, PATIENCE, Server, built_models, connect_when_there, run,
                      scratch_directory)

COMPANY = ("thread", "polling", "select", "poll", "epoll-level", "epoll-edge", "io_uring")
NIGHTLY = os.environ.get("HEADRACE_NIGHTLY") == "1"


def company():
    return [name for name in built_models() if name in COMPANY]


class Member:
    """Somebody with nc: what it types, and the lines that come."""

    def __init__(self, where, nick=None, encoding="utf-8", room=None):
        if isinstance(where, Server):
            where = where.connect()
        self.peer, self.encoding = where, encoding
        self.file = self.peer.makefile("rb")
        self.wait_for("-- what is your nick?")
        if nick is not None:
            self.say(nick)
            self.wait_for("-- in lobby ")
        if room is not None:
            self.say("/join " + room)
            self.wait_for(f"-- in {room} ")

    def say(self, *lines):
        self.peer.sendall("".join(line + "\n" for line in lines).encode(self.encoding))

    def line(self):
        return self.file.readline().decode(self.encoding)[:-1]

    def wait_for(self, beginning):
        while True:
            line = self.file.readline()
            if not line:
                raise AssertionError(f"the end before {beginning!r}")
            if line.decode(self.encoding).startswith(beginning):
                return line.decode(self.encoding)[:-1]

    def ask(self, command):
        self.say(command)
        return self.wait_for("-- in ")

    def hears(self, case, *lines):
        for line in lines:
            case.assertEqual(self.line(), line)

    def rest(self):
        return self.file.read().decode(self.encoding).splitlines()

    def reset(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.peer.close()


class Rooms(unittest.TestCase):
    def test_a_conversation_under_every_model(self):
        for model in company():
            with self.subTest(model), Server("--model", model, service="chat") as server, \
                    Member(server, "ann") as ann, Member(server, "张三") as zhang:
                ann.hears(self, "-- 张三 is here")
                zhang.say("你好", "/me waves", "//not a command", "/msg ANN psst")
                # What is for one alone may overtake what is for all.
                self.assertEqual({ann.line() for _ in range(4)},
                                 {"<张三> 你好", "* 张三 waves", "<张三> /not a command",
                                  "<张三 -> ANN> psst"})
                ann.say("/who", "/rooms", "/nick anna", "/join 茶馆")
                ann.hears(self, "-- in lobby (2): ann 张三", "-- rooms: lobby (2)",
                          "-- you are anna", "-- in 茶馆 (1): anna")
                zhang.hears(self, "-- ann is now anna", "-- anna has gone to another room")
                ann.say("nobody hears this", "/part")
                ann.wait_for("-- in lobby (2): 张三 anna")
                zhang.hears(self, "-- anna is here")
                ann.say("/quit", "not said any more")
                self.assertEqual(ann.rest()[-1], "-- bye")
                zhang.hears(self, "-- anna has left")

    def test_models_without_company_refuse(self):
        for model in ("iterative", "pool", "process", "prefork"):
            with self.subTest(model):
                done = run("serve", "chat", "--model", model, "--listen", ANY_PORT)
                self.assertEqual(done.returncode, 2)
                self.assertIn("use thread, polling, select, poll, epoll-level", done.stderr)

    def test_wrong_words(self):
        for words, part in (
                (("echo", "--history", "5"), "--history is for chat"),
                (("chat", "--slow", "wait"), "neither drop-oldest nor disconnect"),
                (("chat", "--max-line", "1MiB"), "--outbox"),
                (("chat", "--listen", "7789?encoding=klingon"), "no encoding is called 'klingon'"),
                (("chat", "--listen", "0?encoding=gbk"), "port must be given"),
                (("echo", "--listen", "7789?encoding=gbk"), "an encoding is for chat")):
            with self.subTest(words):
                done = run("serve", *words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(part, done.stderr)

    def test_a_nick_is_one_persons(self):
        with Server(service="chat") as server, Member(server, "ann"), Member(server) as other:
            for nick, answer in (("ANN", "somebody is called ANN"),
                                 ("ａｎｎ", "somebody is called ａｎｎ"),
                                 ("a\u200bnn", "a character that is not seen"),
                                 ("ann\u00a0", "white space"), ("-- ann", "begins with '-'"),
                                 ("<ann>", "has one of"), ("x" * 33, "longer than 32"),
                                 ("/who", "first say your nick")):
                other.say(nick)
                self.assertIn(answer, other.line())
            other.say("bob")
            other.hears(self, "-- you are bob", "-- in lobby (2): ann bob")
            other.say("/nick ann", "/msg cem hello", "/nonsense", "/msg ann", "/who elsewhere")
            for answer in ("somebody is called ann", "nobody is called cem", "try /help",
                           "/msg NICK TEXT", "/who tells of the room"):
                self.assertIn(answer, other.line())

    def test_history_comes_with_time(self):
        with Server("--history", "2", service="chat") as server:
            with Member(server, "ann") as ann:
                ann.say("one", "two", "three", "/quit")
                ann.rest()
            with Member(server, "bob") as bob:
                for text in ("two", "three"):
                    self.assertRegex(bob.line(), r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] <ann> "
                                     + text)


class Harm(unittest.TestCase):
    def test_hostile_bytes_reach_nobody_raw(self):
        with Server("--max-line", "1000", service="chat") as server, \
                Member(server, "ann") as ann, Member(server, "bob") as bob:
            ann.hears(self, "-- bob is here")
            bob.peer.sendall(b"\x1b]52;c;eHg=\x07\x9b31m\xc2\x9b\0\x7f\xe2\x80\xae\r\n"
                             b"\xff\xc0\xaf\xed\xa0\x80\n" + b"x" * 1001 + b"\n" +
                             b"y" * 1000 + b"\r\n")
            ann.hears(self, "<bob> \\x1b]52;c;eHg=\\x07\ufffd31m\\u{9B}\\x00\\x7f\\u{202E}",
                      "<bob> " + "\ufffd" * 6, "<bob> " + "y" * 1000)
            self.assertIn("not sent: it is longer than 1000 bytes", bob.line())
            bob.peer.sendall(b"z" * 200_000 + b"\nend\n")  # far too long
            self.assertIn("not sent", bob.line())
            ann.hears(self, "<bob> end")
            server.process.terminate()
            self.assertRegex(server.wait_for("^chat:"), r"2 too long, 7 invalid bytes")

    def test_a_reset_or_half_a_line_harms_nobody(self):
        for model in company():
            with self.subTest(model), Server("--model", model, service="chat") as server, \
                    Member(server, "ann") as ann:
                with Member(server, "bob") as bob:
                    bob.peer.sendall(b"whole\nhalf a li")
                ann.hears(self, "-- bob is here", "<bob> whole", "-- bob has left")
                cem = Member(server, "cem")
                cem.peer.sendall(b"half")
                cem.reset()
                ann.hears(self, "-- cem is here")
                self.assertTrue(ann.line().startswith("-- cem has left"))
                with Member(server, "cem"):  # the name is free again
                    ann.hears(self, "-- cem is here")

    @contextlib.contextmanager
    def somebody_slow(self, *arguments):
        """A server, and somebody who is stuck after what a Unix socket holds, not megabytes."""
        with scratch_directory() as folder:
            path = os.path.join(folder, "slow")
            with Server("--history", "0", *arguments, service="chat",
                        listen=(ANY_PORT, "unix:" + path)) as server, \
                    Member(connect_when_there(path), "slow") as slow, \
                    Member(server, "ann") as ann, Member(server, "bob") as bob:
                ann.hears(self, "-- bob is here")
                yield server, slow, ann, bob

    def test_who_does_not_read_delays_nobody_and_is_told(self):
        for model in company():
            with self.subTest(model), self.somebody_slow("--model", model) as (_, slow, ann, bob):
                for start in range(0, 1500, 100):
                    bob.say(*(f"{number} " + "x" * 1000 for number in range(start, start + 100)))
                    for number in range(start, start + 100):
                        self.assertTrue(ann.line().startswith(f"<bob> {number} "))
                bob.say("last")
                ann.hears(self, "<bob> last")
                told, heard = 0, 0
                while (line := slow.line()) != "<bob> last":
                    if skipped := re.fullmatch(r"-- \.\.\. (\d+) lines skipped", line):
                        told += int(skipped.group(1))
                    heard += line.startswith("<bob> ")
                self.assertGreater(told, 0)
                self.assertEqual(told + heard, 1500)

    def test_who_does_not_read_is_disconnected_where_that_is_the_policy(self):
        for model in company():
            with self.subTest(model), self.somebody_slow("--model", model, "--slow", "disconnect") \
                    as (server, slow, ann, bob):
                line = "<bob> "
                while line.startswith("<bob> "):
                    bob.say("x" * 10_000)
                    line = ann.line()
                self.assertEqual(line, "-- slow has been disconnected: too slow")
                slow.rest()  # to its end
                server.process.terminate()
                server.wait_for("1 disconnected as too slow")

    def test_a_flood_is_held_back_alone(self):
        with Server("--rate-limit", "50", service="chat") as server, \
                Member(server, "ann") as ann, Member(server, "bob") as bob:
            ann.hears(self, "-- bob is here")
            bob.say(*(str(number) for number in range(40)))
            ann.say("not held back")
            bob.wait_for("<ann> not held back")
            ann.hears(self, *(f"<bob> {number}" for number in range(40)))  # all the same


    def test_who_talks_fast_does_not_outrun_who_reads(self):
        """More lines at once than the ring holds: on a loop everybody has a turn in between."""
        count = 20_000
        for model in company():
            if model == "thread":  # the kernel decides who runs
                continue
            with self.subTest(model), Server("--model", model, service="chat") as server, \
                    Member(server, "ann") as ann, Member(server, "bob") as bob:
                ann.hears(self, "-- bob is here")
                talking = threading.Thread(target=bob.say, args=map(str, range(count)))
                talking.start()
                heard = [ann.line() for _ in range(count)]
                talking.join(PATIENCE)
                self.assertEqual(heard, [f"<bob> {number}" for number in range(count)])

    def test_many_who_talk_fast_do_not_outrun_who_reads(self):
        """Each says less than a quarter of the ring, all at once several rings full."""
        talkers, count = 20, 300
        lines = [f"{number} " + "x" * 60 for number in range(count)]
        for model in ("epoll-edge", "poll"):
            with self.subTest(model), Server("--model", model, "--history", "0",
                                             service="chat") as server, \
                    contextlib.ExitStack() as stack:
                crowd = [stack.enter_context(Member(server, f"m{number}", room="hall"))
                         for number in range(talkers)]
                ann = stack.enter_context(Member(server, "ann", room="hall"))
                for member in crowd:
                    threading.Thread(target=member.say, args=lines, daemon=True).start()
                heard = {f"m{number}": [] for number in range(talkers)}
                for _ in range(talkers * count):
                    nick, line = ann.line()[1:].split("> ")
                    heard[nick].append(line)
                self.assertEqual(heard, {nick: lines for nick in heard})


class Delivery(unittest.TestCase):
    """Each line exactly once, whole, in the order of its sender, across workers."""

    def check(self, *arguments):
        members, lines = (12, 2000) if NIGHTLY else (6, 300)
        with Server("--outbox", "16MiB", *arguments, service="chat") as server:
            crowd = [Member(server, f"m{number}", room="hall") for number in range(members)]
            for index, member in enumerate(crowd):  # everybody has seen everybody come
                for later in range(index + 1, members):
                    member.wait_for(f"-- m{later} is here")
            heard = [{} for _ in crowd]

            def talk(index):
                for number in range(lines):
                    crowd[index].say(f"{number} " + "é" * (number % 97))

            def listen(index):
                for _ in range(lines * (members - 1)):
                    match = re.fullmatch(r"<m(\d+)> (\d+) (é*)", crowd[index].line())
                    sender, number = int(match.group(1)), int(match.group(2))
                    if heard[index].get(sender, -1) != number - 1 or sender == index or \
                            len(match.group(3)) != number % 97:
                        return
                    heard[index][sender] = number

            threads = [threading.Thread(target=work, args=(index,), daemon=True)
                       for index in range(members) for work in (talk, listen)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            for index, one in enumerate(heard):
                self.assertEqual(one, {sender: lines - 1 for sender in range(members)
                                       if sender != index})
            for member in crowd:
                member.say("/quit")
            for member in crowd:  # and nothing twice
                self.assertEqual([line for line in member.rest() if line.startswith("<")], [])
                member.__exit__()

    def test_every_model(self):
        for model in company():
            with self.subTest(model):
                self.check("--model", model)

    def test_several_workers(self):
        for model in company():
            if model != "thread":
                with self.subTest(model):
                    self.check("--model", model, "--workers", "3")

    def test_many_rooms_are_apart(self):
        rooms = 1000 if NIGHTLY else 100
        with Server("--workers", "2", service="chat") as server:
            pairs = [[Member(server, f"{side}{room}", room=f"r{room}") for side in "ab"]
                     for room in range(rooms)]
            for number, (one, _) in enumerate(pairs):
                one.say(f"in {number}")
            for number, (one, other) in enumerate(pairs):
                other.hears(self, f"<a{number}> in {number}")
                one.say("/quit")
                self.assertEqual([line for line in one.rest() if line.startswith("<")], [])
                other.__exit__()
                one.__exit__()


class Kept(unittest.TestCase):
    """--history-file."""

    def test_survives_a_kill_and_a_torn_tail(self):
        with scratch_directory() as folder:
            file = os.path.join(folder, "history")
            with Server("--history-file", file, service="chat") as server, \
                    Member(server, "ann") as ann, Member(server, "bob") as bob:
                ann.say("one", "two", "/join den", "three")
                bob.wait_for("<ann> two")
                ann.wait_for("-- in den")
                ann.say("/rooms")
                ann.wait_for("-- rooms")
                busy = run("serve", "chat", "--history-file", file, "--listen", ANY_PORT)
                self.assertEqual(busy.returncode, 1)
                self.assertIn("another server has it", busy.stderr)
                server.process.kill()
            whole = os.path.getsize(file)
            os.truncate(file, whole - 3)
            with Server("--history-file", file, service="chat") as server:
                server.wait_for("history: 2 lines")
                server.wait_for("the last record was not finished: .* cut off")
                with Member(server, "cem") as cem:
                    self.assertRegex(cem.line(), r"\] <ann> one$")
                    self.assertRegex(cem.line(), r"\] <ann> two$")
                    cem.say("four", "/rooms")
                    cem.wait_for("-- rooms")
            with open(file, "r+b") as damaged:  # one byte of a record in the middle
                damaged.seek(damaged.read().index(b"<ann> two") + 6)
                damaged.write(b"X")
            with Server("--history-file", file, service="chat") as server:
                server.wait_for("history: 2 lines")
                server.wait_for("1 line damaged, left out")
            with open(file, "wb") as other:
                other.write(b"some other file, which is not to be touched")
            done = run("serve", "chat", "--history-file", file, "--listen", ANY_PORT)
            self.assertEqual(done.returncode, 1)
            self.assertIn("it is no history of a chat", done.stderr)
            self.assertEqual(os.path.getsize(file), 43)


class Encodings(unittest.TestCase):
    def test_one_conversation_in_two_encodings(self):
        for model in company():
            with self.subTest(model), scratch_directory() as folder:
                path = os.path.join(folder, "gb")
                with Server("--model", model, service="chat",
                            listen=(ANY_PORT, f"unix:{path}?encoding=gb18030")) as server, \
                        Member(server, "ann") as ann, \
                        Member(connect_when_there(path), "张三", "gb18030") as zhang:
                    ann.hears(self, "-- 张三 is here")
                    zhang.peer.sendall("你".encode("gb18030")[:1])  # cut inside a character
                    zhang.peer.sendall("你".encode("gb18030")[1:] + b"\x81\n")
                    ann.hears(self, "<张三> 你\ufffd")
                    ann.say("大家好 €")
                    zhang.hears(self, "<ann> 大家好 €")


if __name__ == "__main__":
    unittest.main()
