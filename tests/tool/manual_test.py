# SPDX-License-Identifier: MIT
#
# Help, man pages and completions say the same: each option of one is in all the others.
import json
import os
import re
import shutil
import subprocess
import unittest

from _program import PATIENCE, SOURCE, run

COMMANDS = ("serve", "connect", "send", "receive", "chat", "bench", "watch", "models")
PAGES = ("headrace", *("headrace-" + command for command in COMMANDS))
SHELLS = ("headrace.bash", "_headrace", "headrace.fish")


def text_of(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def options_in_help(command):
    """Long and short: {"--listen", "-v", ...}."""
    listing = run(command, "--help").stdout.split("\nOptions:\n")[1]
    rows = [line for line in listing.splitlines() if re.match(r" +-", line)]
    return {name for row in rows for name in re.findall(r"--?[a-z][a-z-]*", row[:28])}


def entries_of(page):
    """The options of a man page that have an entry of their own: [["-h", "--help"], ...]."""
    lines = re.findall(r"^\.It (Fl .*)$", text_of("docs", "man", page + ".1"), re.MULTILINE)
    return [options_in_macros(line) for line in lines]


def options_in_macros(text):
    """ "Fl c , Fl Fl connections Ar n" is ["-c", "--connections"]."""
    names = re.findall(r"Fl ((?:Fl )?[a-z][a-z-]*)", text)
    return ["-" + name.replace("Fl ", "-") for name in names]


def options_in_page(page):
    return {name for entry in entries_of(page) for name in entry}


class Manual(unittest.TestCase):
    def test_has_the_options_of_the_help(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.assertEqual(options_in_page("headrace-" + command), options_in_help(command))
        self.assertEqual(options_in_page("headrace"), {"-h", "--help", "--version"})

    def test_shows_every_option_in_its_synopsis(self):
        for command in COMMANDS:
            page = text_of("docs", "man", f"headrace-{command}.1")
            shown = {"-h", *options_in_macros(page.split(".Sh DESCRIPTION")[0])}
            for names in entries_of("headrace-" + command):
                with self.subTest(command=command, option=names):
                    self.assertTrue(shown & set(names))

    def test_names_the_models_in_the_order_of_the_table(self):
        models = [model["name"] for model in json.loads(run("models", "--json").stdout)["models"]]
        page = text_of("docs", "man", "headrace-serve.1")
        entry = page.split("\n.It Fl Fl model")[1].split("\n.It ")[0]
        self.assertEqual(re.findall(r"^\.Cm ([\w-]+)", entry, re.MULTILINE), models)

    def test_shows_the_defaults_of_the_help(self):
        for command in COMMANDS:
            page = text_of("docs", "man", f"headrace-{command}.1")
            for default in re.findall(r"\(default:? ([^ ,)]+)", run(command, "--help").stdout):
                with self.subTest(command=command, default=default):
                    self.assertTrue(default in page or default in ("off", "descriptor"))

    @unittest.skipUnless(shutil.which("mandoc"), "needs mandoc")
    def test_is_clean(self):
        for page in PAGES:
            with self.subTest(page):
                path = os.path.join(SOURCE, "docs", "man", page + ".1")
                done = subprocess.run(["mandoc", "-Tlint", path], capture_output=True,
                                      encoding="utf-8", timeout=PATIENCE, check=False)
                # Whether the pages referred to are installed is another matter.
                complaints = [line for line in done.stdout.splitlines()
                              if "referenced manual not found" not in line]
                self.assertEqual(complaints, [])


class Completions(unittest.TestCase):
    def test_know_every_command_option_and_model(self):
        models = [model["name"] for model in json.loads(run("models", "--json").stdout)["models"]]
        for shell in SHELLS:
            script = text_of("completions", shell)
            self.assertIn(" ".join(models), script)
            for command in COMMANDS:
                for option in options_in_help(command) | {command}:
                    name = option.lstrip("-") if shell.endswith("fish") else option
                    with self.subTest(shell=shell, command=command, option=option):
                        self.assertRegex(script, rf"(?<![\w-]){re.escape(name)}(?![\w-])")

    def test_know_nothing_else(self):
        known = {"--version"}.union(*map(options_in_help, COMMANDS))
        for shell in SHELLS:
            script = "\n".join(line for line in text_of("completions", shell).splitlines()
                               if not line.startswith(("#", "set ")))
            script = re.sub(r" -l ", " --", script)  # fish
            found = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", script))
            with self.subTest(shell):
                self.assertEqual(found, {option for option in known if option.startswith("--")})

    def complete(self, *words):
        """What bash offers for the last word."""
        script = os.path.join(SOURCE, "completions", "headrace.bash")
        ask = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
                 _headrace; echo "${COMPREPLY[*]}" """
        done = subprocess.run(["bash", "-c", ask, "bash", script, *words], capture_output=True,
                              encoding="utf-8", timeout=PATIENCE, check=True)
        return done.stdout.split()

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_bash_offers_what_fits(self):
        self.assertEqual(self.complete("headrace", "s"), ["serve", "send"])
        self.assertEqual(self.complete("headrace", "serve", "e"), ["echo"])
        self.assertEqual(self.complete("headrace", "serve", "echo", "--m"),
                         ["--model", "--max-connections", "--max-per-address", "--max-line"])
        both = ["epoll-level", "epoll-edge"]
        self.assertEqual(self.complete("headrace", "serve", "--model", "ep"), both)
        self.assertEqual(self.complete("headrace", "serve", "--model", "=", "ep"), both)
        self.assertEqual(self.complete("headrace", "bench", "7788", "--ver"), ["--verify"])
        self.assertEqual(self.complete("headrace", "bench", "7788", "-c", ""), [])
        self.assertEqual(self.complete("headrace", "help", "m"), ["models"])


if __name__ == "__main__":
    unittest.main()
