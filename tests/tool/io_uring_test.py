# SPDX-License-Identifier: MIT
#
# Where io_uring is forbidden: a seccomp filter refuses io_uring_setup(2) as containers do, or hides
# it as an old kernel would. What is refused is said, with what to use instead; `auto` makes do.
import ctypes
import json
import platform
import resource
import subprocess
import sys
import unittest

from _program import ANY_PORT, PATIENCE, PROGRAM, Server, ask, built_models, run

EPERM, ENOSYS = 1, 38
IO_URING_SETUP = 425  # on every architecture
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("if_true", ctypes.c_ubyte),
                ("if_false", ctypes.c_ubyte), ("value", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]


def forbid_io_uring(error):
    """For `preexec_fn`: from now on io_uring_setup fails with `error`."""
    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD | W | ABS, BPF_JMP | JEQ | K, BPF_RET | K
    allow, fail = 0x7fff0000, 0x00050000 | error  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
    code = (Instruction * 4)((load, 0, 0, 0), (equal, 0, 1, IO_URING_SETUP), (answer, 0, 0, fail),
                             (answer, 0, 0, allow))
    program = Program(len(code), code)
    libc = ctypes.CDLL(None, use_errno=True)

    def install():
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs")
        if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")

    return install


WAYS = ((EPERM, "forbidden"), (ENOSYS, "no io_uring"))


class Forbidden(unittest.TestCase):
    def test_the_model_is_refused_with_the_reason_and_the_nearest_that_runs(self):
        for error, why in WAYS:
            with self.subTest(why):
                refused = run("serve", "echo", "--model", "io_uring", "--listen", ANY_PORT,
                              preexec_fn=forbid_io_uring(error))
                self.assertEqual((refused.returncode, refused.stdout), (2, ""))
                self.assertRegex(refused.stderr, "model io_uring does not run here: .*" + why)
                self.assertIn("use epoll-edge", refused.stderr)

    def test_models_says_why_not_and_what_runs(self):
        for error, why in WAYS:
            with self.subTest(why):
                listing = run("models", "--json", preexec_fn=forbid_io_uring(error))
                models = {model["name"]: model for model in json.loads(listing.stdout)["models"]}
                self.assertFalse(models["io_uring"]["runs_here"])
                self.assertIn(why, models["io_uring"]["why_not"])
                self.assertTrue(models["epoll-edge"]["runs_here"])
                text = " ".join(run("models", preexec_fn=forbid_io_uring(error)).stdout.split())
                self.assertRegex(text, f"why not: [^;]*{why}.*; these run here: .*and epoll-edge")

    def test_auto_takes_the_next_best_and_says_which(self):
        with subprocess.Popen(
                [PROGRAM, "serve", "echo", "--model", "auto", "--listen", ANY_PORT],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
                preexec_fn=forbid_io_uring(EPERM)) as server:
            line = server.stderr.readline()
            server.terminate()
            self.assertEqual(server.wait(PATIENCE), 0)
        self.assertIn("model epoll-edge", line)


@unittest.skipUnless("io_uring" in built_models(), "io_uring does not run here")
class Allowed(unittest.TestCase):
    def test_auto_takes_io_uring_and_says_so(self):
        with Server("--model", "auto") as server, server.connect() as peer:
            self.assertEqual(ask(peer, b"hello"), b"hello")
            self.assertIn("model io_uring", server.listening[0])

    def test_it_needs_no_locked_memory(self):
        def lock_nothing():
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

        listing = run("models", "--json", preexec_fn=lock_nothing)
        models = {model["name"]: model for model in json.loads(listing.stdout)["models"]}
        release = tuple(map(int, platform.release().split(".")[:2]))
        if release >= (5, 12):
            self.assertTrue(models["io_uring"]["runs_here"], models["io_uring"]["why_not"])
        else:
            self.assertIn("ulimit -l", models["io_uring"]["why_not"] or "ulimit -l")


if __name__ == "__main__":
    sys.exit(unittest.main())
