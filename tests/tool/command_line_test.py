# SPDX-License-Identifier: MIT
#
# The command line: help, versions, exit statuses, and what is said about a word nobody knows.
import json
import re
import unittest

from _program import run

COMMANDS = ("serve", "connect", "send", "receive", "chat", "bench", "watch", "models")
MODELS = ("iterative", "process", "prefork", "thread", "pool", "polling", "select", "poll",
          "epoll-level", "epoll-edge", "io_uring")


class Help(unittest.TestCase):
    def pages(self):
        yield "overview", run("--help")
        for command in COMMANDS:
            yield command, run(command, "--help")

    def test_begins_with_examples_and_fits_one_screen(self):
        for name, page in self.pages():
            with self.subTest(name):
                self.assertEqual((page.returncode, page.stderr), (0, ""))
                lines = page.stdout.splitlines()
                self.assertEqual(lines[0], "Examples:")
                self.assertTrue(lines[1].startswith("  headrace "))
                self.assertLessEqual(len(lines), 40)
                self.assertLessEqual(max(map(len, lines)), 100)

    def test_is_the_same_however_it_is_asked_for(self):
        self.assertEqual(run("help").stdout, run("--help").stdout)
        self.assertEqual(run("-h").stdout, run("--help").stdout)
        for command in COMMANDS:
            with self.subTest(command):
                self.assertEqual(run("help", command).stdout, run(command, "--help").stdout)
                self.assertEqual(run(command, "-h").stdout, run(command, "--help").stdout)

    def test_of_serve_names_the_models_in_the_order_of_the_table(self):
        listed = run("serve", "--help").stdout.split("Models:")[1].split("('")[0]
        self.assertEqual(tuple(listed.split()), MODELS)

    def test_of_serve_shows_defaults_with_units(self):
        page = run("serve", "--help").stdout
        for default in ("tcp://127.0.0.1:7788", "epoll-edge", "10m", "5s", "4096"):
            self.assertRegex(page, rf"default:? {re.escape(default)}\)")

    def test_shows_only_options_that_are_known(self):
        for command in COMMANDS:
            listing = run(command, "--help").stdout.split("\nOptions:")[1]
            for option in re.findall(r"--[a-z-]+", listing):
                with self.subTest(command=command, option=option):
                    # With another that is not known, so that nothing begins to run.
                    self.assertNotIn(f"no option '{option}'",
                                     run(command, option, "--no-such").stderr)

    def test_without_arguments_goes_to_stderr(self):
        bare = run()
        self.assertEqual((bare.returncode, bare.stdout), (2, ""))
        self.assertEqual(bare.stderr, run("--help").stdout)

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"\Aheadrace \d+\.\d+\.\d+\n\Z")
        self.assertEqual(run("--version").returncode, 0)


class WrongUsage(unittest.TestCase):
    def says(self, arguments, *fragments):
        """Status 2, nothing on stdout, and one line on stderr that holds every fragment."""
        with self.subTest(" ".join(arguments)):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, r"\Aheadrace: [^\n]*\n\Z")
            for fragment in fragments:
                self.assertIn(fragment, done.stderr)

    def test_unknown_command(self):
        self.says(["serv"], "no command 'serv'", "did you mean 'serve'?")
        self.says(["model"], "did you mean 'models'?")
        self.says(["help", "bnech"], "did you mean 'bench'?")
        self.says(["--versoin"], "no option '--versoin'", "did you mean '--version'?")
        self.says(["something"], "no command 'something'")
        self.says(["help", "serve", "x"], "'x' is one argument too many")

    def test_unknown_service(self):
        self.says(["serve"], "which SERVICE?", "echo")
        self.says(["serve", "eco"], "no service is called 'eco'", "did you mean 'echo'?")
        self.says(["serve", "chatt"], "no service is called 'chatt'", "chat")
        self.says(["serve", "echo", "echo"], "'echo' is one argument too many")

    def test_unknown_model(self):
        self.says(["serve", "echo", "--model", "epoll-egde"], "no model is called 'epoll-egde'",
                  "did you mean 'epoll-edge'?")
        self.says(["serve", "echo", "--model", "epoll"],
                  "did you mean 'epoll-level' or 'epoll-edge'?")
        self.says(["serve", "echo", "--model=kqueue"], "no model is called 'kqueue'", "iterative")

    def test_model_of_a_later_version(self):
        for model in json.loads(run("models", "--json").stdout)["models"]:
            if not model["built"]:
                self.says(["serve", "echo", "--model", model["name"]],
                          f"'{model['name']}' is not in this version yet", "epoll-edge")

    def test_unknown_option(self):
        self.says(["serve", "echo", "--lisen", "7788"], "no option '--lisen'",
                  "did you mean '--listen'?")
        self.says(["bench", "7788", "--verfy"], "no option '--verfy'", "did you mean '--verify'?")
        self.says(["models", "--jsno"], "did you mean '--json'?")
        self.says(["serve", "echo", "--frobnicate"], "no option '--frobnicate'",
                  "headrace help serve")

    def test_option_of_another_program(self):
        self.says(["serve", "echo", "--port", "8080"], "did you mean '--listen 8080'?")
        self.says(["serve", "echo", "-p", "8080"], "did you mean '--listen 8080'?")
        self.says(["serve", "echo", "--port=8080"], "did you mean '--listen 8080'?")
        self.says(["serve", "echo", "--bind", "0.0.0.0"], "did you mean '--listen'?")
        self.says(["serve", "echo", "--threads", "4"], "did you mean '--workers'?")
        self.says(["bench", "7788", "--requests", "4"], "did you mean '--messages'?")

    def test_wrong_values(self):
        for option, value, fragment in (
                ("--drain", "5", "'5' has no unit; write 5s"),
                ("--drain", "5min", "'min' is no unit of time"),
                ("--drain", "-1s", "'-1s' is no duration"),
                ("--idle-timeout", "0s", "write never for no limit"),
                ("--stats", "0", "no time at all"),
                ("--workers", "0", "at least 1"),
                ("--workers", "many", "'many' is no whole number"),
                ("--backlog", "0", "at least 1"),
                ("--max-connections", "0", "none"),
                ("--max-per-address", "1.5", "no whole number"),
                ("--log-format", "jsn", "did you mean 'json'?"),
                ("--listen", "tcp://127.0.0.1:99999", "is no address"),
                ("--rate-limit", "0", "at least 1")):
            self.says(["serve", "echo", option, value], option, fragment)
        self.says(["bench", "7788", "--size", "64k"], "'k' is no unit of size")
        self.says(["bench", "7788", "--size", "0"], "at least 1 byte")
        self.says(["bench", "7788", "-c", "0"], "--connections", "at least 1")
        self.says(["bench"], "which ADDR?")

    def test_missing_and_surplus_values(self):
        self.says(["serve", "echo", "--listen"], "--listen needs a value")
        self.says(["serve", "echo", "--verbose=3"], "--verbose takes no value")
        self.says(["serve", "echo", "-v=3"], "-v takes no value")
        self.says(["serve", "echo", "-3"], "no option '-3'")

    def test_what_bench_compares(self):
        self.says(["bench", "--compare", "model"], "'model' cannot be compared", "'models'")
        self.says(["bench", "7788", "--compare"], "'7788' cannot be compared; write models")
        self.says(["bench", "--compare", "-n", "5"], "--compare: without -n")
        self.says(["bench", "--compare", "--against", "nc -l 7788"], "write NAME=COMMAND")
        self.says(["bench", "--compare", "--against", "nc=nc -l 7788"], "has no {port}")
        self.says(["bench", "--compare", "--models", "epol"], "did you mean")
        self.says(["bench", "7788", "--models", "poll"], "are for --compare")

    def test_a_path_is_suggested_as_it_was_typed(self):
        self.says(["serve", "echo", "--listen", "/tmp/x.sock"],
                  "did you mean 'unix:/tmp/x.sock'?")

    def test_workers_where_there_are_none(self):
        self.says(["serve", "echo", "--model", "thread", "--workers", "2"],
                  "model thread has no workers", "epoll-edge")

    def test_an_argument_cannot_steer_the_terminal(self):
        done = run("serve", "\x1b[31mecho\u202e")
        self.assertIn(r"\x1b[31mecho\u{202E}", done.stderr)


if __name__ == "__main__":
    unittest.main()
