# SPDX-License-Identifier: MIT
#
# What the interop tests of datagrams share with those of the program: the same programs started
# the same way, and others beside them.
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tool"))

from _datagrams import PATIENCE, Pipe  # noqa: E402  (the path comes first)
from _namespaces import be_alone_where_possible  # noqa: E402, F401

SEEDS = (sys.executable, os.path.join(HERE, "_udp_programs.py"))


class Peer:
    """Another program, its outputs read all the time. A context; leaving it ends the program."""

    def __init__(self, *command, stdin=subprocess.PIPE):
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE,
                                        env={**os.environ, "PYTHONUTF8": "1"})
        self.out = Pipe(self.process.stdout)
        self.err = Pipe(self.process.stderr)

    def type(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self):
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.out.end()
        self.err.end()


def seed(name, host="127.0.0.1", port=0, inside=()):
    """A program of the notes; one that receives has bound its port."""
    running = Peer(*inside, *SEEDS, name, host, str(port))
    if name in ("receive", "gb2312_receive", "echo", "broadcast_receive"):
        running.port = int(running.err.match(rb"bound to (\d+)").group(1))
    return running


def udp_port_is_bound(port):
    """Whether somebody receives there: a program that does not say so is waited for like this."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with open(table, encoding="ascii") as file:
            if any(line.split()[1].endswith(wanted) for line in list(file)[1:]):
                return True
    return False


def free_udp_port():
    """A port for a program that cannot be asked which it got."""
    from _datagrams import peer, port_of
    with peer() as udp:
        return port_of(udp)
