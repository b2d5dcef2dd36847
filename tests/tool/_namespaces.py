# SPDX-License-Identifier: MIT
#
# Network namespaces of the test's own: broadcasts and groups must not leave the machine, and need
# interfaces that no machine promises to have. No root is needed: the test runs itself again in a
# user namespace where it may do this. A missing program is a failure; a kernel that forbids
# namespaces is a reason to skip (77).
import os
import shutil
import subprocess
import sys

from _program import PATIENCE

SKIP = 77
_INSIDE = "HEADRACE_TEST_IN_NAMESPACE"


def run_again_in_a_namespace():
    """Returns in a network namespace of our own, in which `lo` is up; call it first."""
    missing = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        sys.exit(f"this test needs {', '.join(missing)}: install util-linux and iproute2")
    if complaints := _run_again():
        print("skipped: this kernel lets us have no network namespace:", *complaints)
        sys.exit(SKIP)


def be_alone_where_possible():
    """The same, for a test that would go without: there a port that it has let go of for a moment,
    or must choose beforehand, may be somebody else's by then."""
    if shutil.which("unshare") and shutil.which("ip"):
        _run_again()


def _run_again():
    """Runs this program again in a namespace, if it is not in one. Why that cannot be."""
    if _INSIDE not in os.environ:
        ways = (["unshare", "--user", "--map-root-user", "--net"], ["unshare", "--net"])
        tried = [subprocess.run([*way, "true"], capture_output=True, encoding="utf-8",
                                timeout=PATIENCE, check=False) for way in ways]
        for way, one in zip(ways, tried):
            if one.returncode == 0:
                os.environ[_INSIDE] = "1"
                os.execvp(way[0], [*way, sys.executable, *sys.argv])
        return [one.stderr.strip() for one in tried]
    ip("link set lo up")
    return []


def ip(*lines, inside=()):
    """Runs the lines, each without its `ip`."""
    done = subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(lines) + "\n",
                          capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise AssertionError(f"ip: {'; '.join(lines)}: {done.stderr.strip()}")


class Namespace:
    """A machine of its own on a bridge, 10.77.0.NUMBER/24 at its interface eth0. A context."""

    def __init__(self, number, on="br0"):
        # It is there once the shell in it has spoken; it lives as long as that reads.
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo here; read end"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"here\n":
            raise AssertionError("no network namespace")
        self.inside = ("nsenter", "--target", str(self.process.pid), "--net")
        self.host = f"10.77.0.{number}"
        ip(f"link add port{number} type veth peer name eth0 netns {self.process.pid}",
           f"link set port{number} master {on} up")
        # Without nodad an IPv6 address may not be used for a second or two.
        ip("link set lo up",
           f"address add {self.host}/24 broadcast 10.77.0.255 dev eth0",
           f"address add fd77::{number}/64 dev eth0 nodad",
           "link set eth0 addrgenmode none",
           "link set eth0 up",
           f"address add fe80::{number}/64 dev eth0 nodad",
           "route add default dev eth0", inside=self.inside)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def bridge(name="br0"):
    """A bridge that passes everything on at once, groups too."""
    ip(f"link add name {name} type bridge forward_delay 0 mcast_snooping 0",
       f"link set {name} up")
