# SPDX-License-Identifier: MIT
#
# An address that cannot be had: one line that says who holds it or what right is missing, and what
# to try.
import os
import re
import shutil
import socket
import subprocess
import unittest

from _program import PATIENCE, PROGRAM, Server, ask, run, scratch_directory

NOBODY = 65534


def serve(address, *arguments):
    return run("serve", "echo", "--listen", address, *arguments)


class Busy(unittest.TestCase):
    def refused(self, done, address, *fragments):
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, rf"\Aheadrace: listen on {re.escape(address)}: [^\n]*\n\Z")
        for fragment in ("address in use", *fragments):
            self.assertIn(fragment, done.stderr)

    def test_a_port_names_the_process_that_holds_it(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "tcp://127.0.0.1:%d" % taken.getsockname()[1]
            with open("/proc/self/comm", encoding="utf-8") as comm:
                name = comm.read().strip()
            self.refused(serve(address), address,
                         f"held by {name} (pid {os.getpid()}); stop it or use --listen")

    def test_a_second_instance_is_refused(self):
        for workers in ("1", "2"):
            with self.subTest(workers=workers), Server("--workers", workers) as server:
                address = f"tcp://127.0.0.1:{server.port}"
                for others in ("1", "2"):
                    self.refused(serve(address, "--workers", others), address,
                                 f"held by headrace (pid {server.process.pid})")
                with server.connect() as peer:
                    self.assertEqual(ask(peer, b"hello"), b"hello")

    def test_one_address_twice(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = "tcp://127.0.0.1:%d" % free.getsockname()[1]
        self.refused(serve(address, "--listen", address), address, "name each address once")

    def test_a_unix_path_names_the_process_too(self):
        with scratch_directory() as directory:
            address = "unix:" + os.path.join(directory, "echo.sock")
            with Server(listen=(address,)) as server:
                self.refused(serve(address), address,
                             f"held by headrace (pid {server.process.pid})")

    def test_a_file_that_is_no_socket_is_left_alone(self):
        with scratch_directory() as directory:
            path = os.path.join(directory, "letter")
            with open(path, "w", encoding="utf-8") as file:
                file.write("dear reader")
            self.refused(serve("unix:" + path), "unix:" + path, "use another path")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "dear reader")


class Forbidden(unittest.TestCase):
    def as_nobody(self, address):
        """Runs a copy of the server without rights: the build directory may be closed to others."""
        if os.geteuid() != 0:
            return serve(address)
        with scratch_directory() as directory:
            os.chmod(directory, 0o755)
            copy = shutil.copy(PROGRAM, directory)
            return subprocess.run([copy, "serve", "echo", "--listen", address], capture_output=True,
                                  stdin=subprocess.DEVNULL, encoding="utf-8", timeout=PATIENCE,
                                  check=False, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[])

    def test_a_port_below_1024(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="utf-8") as start:
            if int(start.read()) < 1024:
                self.skipTest("this machine lets everybody have low ports")
        done = self.as_nobody("tcp://127.0.0.1:81")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "headrace: listen on tcp://127.0.0.1:81: permission denied "
                                      "(bind): ports below 1024 need CAP_NET_BIND_SERVICE; try "
                                      "--listen tcp://127.0.0.1:8081\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs two users")
    def test_a_port_held_by_another_user(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = self.as_nobody("tcp://127.0.0.1:%d" % taken.getsockname()[1])
            self.assertIn("held by another user's process; run as root to see which", done.stderr)

    def test_an_address_of_another_machine(self):
        done = serve("tcp://192.0.2.1:7788")  # RFC 5737: nobody's
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Aheadrace: listen on tcp://192\.0\.2\.1:7788: "
                                      r"not an address of this machine [^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
