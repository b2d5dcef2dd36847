# SPDX-License-Identifier: MIT
#
# `headrace models`: the table, for people and programs, and what the machine allows.
import fcntl
import json
import os
import pty
import re
import resource
import struct
import subprocess
import termios
import unittest

from _program import PATIENCE, PROGRAM, SOURCE, Server, is_sanitized, run, shown_on

NAMES = ["iterative", "process", "prefork", "thread", "pool", "polling", "select", "poll",
         "epoll-level", "epoll-edge", "io_uring"]
MODEL_KEYS = ["name", "launcher", "engine", "workers", "summary", "system_calls", "cost", "limit",
              "seed_name", "default", "built", "runs_here", "why_not"]
LIMIT_KEYS = ["file_max", "nr_open", "descriptors", "threads_max", "processes", "somaxconn",
              "select_descriptors"]


def as_json(**options):
    return json.loads(run("models", "--json", **options).stdout)


def number_in(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def with_descriptors(soft, hard):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))}


def on_a_terminal(columns):
    """What a terminal of that width shows."""
    screen, shell = pty.openpty()
    fcntl.ioctl(shell, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([PROGRAM, "models"], stdin=subprocess.DEVNULL, stdout=shell) as process:
        os.close(shell)
        shown = shown_on(screen)
        os.close(screen)
        assert process.wait(PATIENCE) == 0
    return shown.decode().replace("\r\n", "\n")


class Models(unittest.TestCase):
    def test_every_model_has_every_key(self):
        everything = as_json()
        self.assertEqual(list(everything), ["models", "limits"])
        self.assertEqual([model["name"] for model in everything["models"]], NAMES)
        for model in everything["models"]:
            with self.subTest(model["name"]):
                self.assertEqual(list(model), MODEL_KEYS)
                for key in ("launcher", "engine", "summary", "system_calls", "cost", "limit"):
                    self.assertTrue(model[key])
                self.assertEqual(model["runs_here"], model["why_not"] is None)
                self.assertTrue(model["built"] or model["why_not"] == "not built yet")
        self.assertEqual([model["name"] for model in everything["models"] if model["default"]],
                         ["epoll-edge"])
        self.assertLessEqual({"iterative", "thread", "epoll-edge"},
                             {model["name"] for model in everything["models"] if model["built"]})

    def test_system_calls_of_a_message(self):
        calls = {model["name"]: model["system_calls"] for model in as_json()["models"]}
        self.assertEqual(calls["thread"], "recv + send")
        self.assertEqual(calls["select"], "recv + send + select/1 batch")
        self.assertEqual(calls["epoll-edge"], "recv + send + epoll_wait/1 batch")

    @unittest.skipIf(is_sanitized(), "a sanitizer needs descriptors, too")
    def test_what_cannot_run_says_why_and_what_can(self):
        few = with_descriptors(4, 4)  # a loop needs more for itself
        models = {model["name"]: model for model in as_json(**few)["models"]}
        self.assertFalse(models["epoll-edge"]["runs_here"])
        self.assertRegex(models["epoll-edge"]["why_not"], "descriptor|open files")
        self.assertTrue(models["thread"]["runs_here"])
        text = " ".join(run("models", **few).stdout.split())
        self.assertRegex(text, r"why not: .*(descriptor|open files).*; these run here: iterative")

    def test_manual_names_every_key(self):
        with open(os.path.join(SOURCE, "docs/man/headrace-models.1"), encoding="utf-8") as file:
            listed = re.split(r"^\.Sh EXIT", file.read().split(".It Fl Fl json")[1], maxsplit=1,
                              flags=re.MULTILINE)[0]
        words = re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"Li (.*)", listed)))
        inner = ["unit", "soft", "hard", "raised_to"]
        self.assertLessEqual({*MODEL_KEYS, *LIMIT_KEYS, *inner, "models", "limits"}, set(words))


class Limits(unittest.TestCase):
    def test_are_the_kernels(self):
        limits = as_json()["limits"]
        self.assertEqual(list(limits), LIMIT_KEYS)
        for key, path in (("file_max", "fs/file-max"), ("nr_open", "fs/nr_open"),
                          ("threads_max", "kernel/threads-max"),
                          ("somaxconn", "net/core/somaxconn")):
            self.assertEqual(limits[key], number_in("/proc/sys/" + path))
        users = [None if value == resource.RLIM_INFINITY else value
                 for value in resource.getrlimit(resource.RLIMIT_NPROC)]
        self.assertEqual(list(limits["processes"].values()), users)
        self.assertEqual(limits["select_descriptors"], 1024)

    def test_descriptors_and_what_serve_raises_them_to(self):
        few = with_descriptors(200, 300)
        self.assertEqual(as_json(**few)["limits"]["descriptors"],
                         {"soft": 200, "hard": 300, "raised_to": 300})
        text = " ".join(run("models", **few).stdout.split())
        self.assertIn("(ulimit -n): soft 200, hard 300; serve raises it to 300", text)
        text = " ".join(run("models", **with_descriptors(300, 300)).stdout.split())
        self.assertIn("(ulimit -n): soft 300, hard 300; serve leaves it", text)
        with Server(**few) as server:
            now = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
            self.assertEqual(now, (300, 300))


class Text(unittest.TestCase):
    def test_a_row_for_each_model(self):
        done = run("models")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(re.findall(r"(?m)^\S+", done.stdout), ["MODEL", *NAMES, "This"])
        self.assertIn("\niterative    iterative               blocking     -            yes\n",
                      done.stdout)
        self.assertIn("    in courses: epoll ET server\n", done.stdout)
        self.assertIn("fs.file-max", done.stdout)

    def test_fits_the_screen(self):
        words = run("models").stdout.split()
        for columns in (200, 80, 79, 40):
            with self.subTest(columns):
                lines = on_a_terminal(columns).splitlines()
                self.assertEqual([line for line in lines if len(line) > columns], [])
                shown = " ".join(lines).split()
                self.assertLessEqual(set(words) - {"MODEL", "LAUNCHER", "ENGINE", "WORKERS", "RUNS",
                                                   "HERE"}, set(shown))

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "models"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"headrace: write to stdout: No space left on device\n")


if __name__ == "__main__":
    unittest.main()
