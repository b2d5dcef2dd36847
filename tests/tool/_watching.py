# SPDX-License-Identifier: MIT
#
# `headrace watch` while it runs, its lines as they come.
import json
import os
import signal
import subprocess
import time

from _program import PATIENCE, PROGRAM


def until(condition, what):
    """Waits until `condition()` is true, and returns that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)  # between two looks
    raise AssertionError(f"never came: {what}")


class Watching:
    """`headrace watch ARGUMENTS`, its lines as they come, begun by the command `through`. A context:
    leaving it ends the program."""

    def __init__(self, *arguments, through=(), **options):
        self.process = subprocess.Popen([*through, PROGRAM, "watch", *arguments],
                                        stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def lines(self):
        if self.process.poll() is None:
            self.text += self.process.stdout.read() or b""
        return self.text.decode("utf-8").split("\n")[:-1]  # whole ones

    def objects(self, **wanted):
        objects = [json.loads(line) for line in self.lines() if line.startswith("{")]
        return [one for one in objects
                if all(one.get(key) == value for key, value in wanted.items())]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        os.set_blocking(self.process.stdout.fileno(), True)
        rest, said = self.process.communicate(timeout=PATIENCE)
        self.text += rest
        return self.process.returncode, said.decode("utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()  # killed, it would leave its trace instance
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait(PATIENCE)
