# SPDX-License-Identifier: MIT
#
# Nightly: 10,000 members in 1000 rooms within 100 MiB, as bench/chat_memory.py measures it. Not
# under sanitizers, whose own memory is many times that.
import os
import subprocess
import sys
import unittest

from _program import PROGRAM, SOURCE, is_sanitized


@unittest.skipUnless(os.environ.get("HEADRACE_NIGHTLY") == "1", "nightly")
@unittest.skipIf(is_sanitized(), "sanitized")
class Memory(unittest.TestCase):
    def test_of_10000_members_in_1000_rooms(self):
        script = os.path.join(SOURCE, "bench", "chat_memory.py")
        done = subprocess.run([sys.executable, script, PROGRAM], capture_output=True,
                              encoding="utf-8", timeout=170, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
