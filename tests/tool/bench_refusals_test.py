# SPDX-License-Identifier: MIT
"""`headrace bench` that cannot begin: nobody listens, too few are let in, values without sense."""

import os
import resource
import socket
import unittest

from _bench import bench
from _known_server import Server


class CrowdedServers(unittest.TestCase):
    def test_who_is_not_let_in_is_counted_and_the_others_go_on(self):
        for family, at in ((socket.AF_INET, ("127.0.0.1", 0)),
                           (socket.AF_UNIX, f"\0headrace-bench-crowd-{os.getpid()}")):
            server = Server(family=family, at=at)
            server.listening.listen(0)  # and nobody accepts: one waits, then the queue is full
            with self.subTest(family=family), server.listening:
                done = bench(server.address, "-c", 5, "-d", "100ms", "--timeout", "500ms")
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.report["connections_asked"], 5)
                left_out = 5 - done.report["connections"]
                self.assertGreater(left_out, 0)
                self.assertEqual(done.report["errors_by_kind"]["timed_out"], left_out)
                self.assertRegex(
                    done.stderr, rf"^headrace: {left_out} of 5 connections could not be opened: "
                                 r"connect to \S+: timed out \(connect\)\n")


class Refusals(unittest.TestCase):
    def expect(self, status, sentence, *arguments):
        done = bench(*arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, sentence)

    def test_nobody_listens(self):
        server = Server()  # bound, not listening
        port = server.listening.getsockname()[1]
        self.expect(1, rf"^headrace: connect to tcp://127\.0\.0\.1:{port}: connection refused "
                       r"\(connect\): is a server running there\? try 'headrace serve echo "
                       rf"--listen tcp://127\.0\.0\.1:{port}'\n$", f"127.0.0.1:{port}", "--timeout", "200ms")
        server.listening.close()

    def test_no_such_path(self):
        self.expect(1, "^headrace: connect to unix:/nowhere/at/all: .*"
                       "try 'headrace serve echo --listen unix:/nowhere/at/all'", "unix:/nowhere/at/all",
                    "--timeout", "200ms")

    def test_more_connections_than_descriptors(self):
        def with_few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

        done = bench("127.0.0.1:9", "-c", 500, preexec_fn=with_few)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr,
                         r"^headrace: 500 connections need more descriptors .* -c \d+\n$")

    def test_values_without_sense_are_wrong_usage(self):
        for arguments in (["unix-datagram:/tmp/nobody"], ["127.0.0.1:99999"],
                          ["127.0.0.1:9", "--size", 0], ["127.0.0.1:9", "-c", 0],
                          ["127.0.0.1:9", "--in-flight", 0], ["127.0.0.1:9", "-d", "0s"]):
            with self.subTest(arguments=arguments):
                self.expect(2, "^headrace: ", *arguments)


if __name__ == "__main__":
    unittest.main()
