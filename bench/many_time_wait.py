# SPDX-License-Identifier: MIT
#
# What `headrace watch` costs beside a great many sockets: makes N sockets in TIME-WAIT in a network
# namespace of its own, lets the view run on a terminal for some seconds, and prints its CPU time as a
# part of a core.
#
#   unshare -Urn python3 bench/many_time_wait.py [N [SECONDS]]     # HEADRACE_PROGRAM=build/headrace
import fcntl
import os
import pty
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

PROGRAM = os.environ.get("HEADRACE_PROGRAM", "build/headrace")
PORTS = 10


def make(count):
    listeners = []
    for _ in range(PORTS):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        listeners.append(listener)
    for i in range(count):
        listener = listeners[i % PORTS]
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        client.close()
        server.recv(1)
        server.close()
    return listeners


def watch(seconds):
    """CPU time of the live view on a terminal of 80x24, and its last title."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.environ["TERM"] = "xterm"
        os.execv(PROGRAM, [PROGRAM, "watch"])
    end, written = time.monotonic() + seconds, b""
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            written = (written + os.read(terminal, 65536))[-65536:]
    os.kill(pid, signal.SIGTERM)
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    used = os.wait4(pid, 0)[2]
    title = written.decode("utf-8", "replace").split("\x1b[H")[-2].split("\r\n")[0]
    return used.ru_utime, used.ru_stime, used.ru_maxrss, title


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # On loopback Linux gives the ports of a TIME-WAIT to the next connection after a second: off.
    for name, value in (("ip_local_port_range", "1024 65000"), ("tcp_tw_reuse", "0")):
        with open("/proc/sys/net/ipv4/" + name, "w", encoding="ascii") as file:
            file.write(value)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    socket.setdefaulttimeout(60)
    begun = time.monotonic()
    kept = make(count)
    took = time.monotonic() - begun
    with open("/proc/net/sockstat", encoding="ascii") as file:
        print(f"made in {took:.1f} s:", file.read().splitlines()[1])
    if took > 60 - seconds:
        print(f"TIME-WAIT lasts 60 s, so some end while we look: {seconds:.0f} s are too long here")
    begun = time.monotonic()
    once = subprocess.run([PROGRAM, "watch", "--once", "--json"], capture_output=True, check=True,
                          timeout=60)
    print(f"--once --json: {len(once.stdout.splitlines())} sockets in "
          f"{time.monotonic() - begun:.2f} s")
    user, system, memory, title = watch(seconds)
    print(f"view, {seconds:.0f} s: {user:.2f} s user, {system:.2f} s system = "
          f"{100 * (user + system) / seconds:.1f}% of a core (the bar is 5%), "
          f"{memory // 1024} MiB at most")
    print(title)
    del kept


if __name__ == "__main__":
    main()
