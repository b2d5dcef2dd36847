# SPDX-License-Identifier: MIT
#
# examples/trigger.cpp: what each kind of trigger is told, to the letter.
import unittest

from _example import run

STORY = """\
what happens                        level  edge
nothing yet                         -      -
6 bytes arrive                      told   told
nobody reads them                   told   -
2 are read, 4 are left              told   -
2 more arrive                       told   told
all 6 are read                      -      -
2 arrive, and the end of stream     told   told
2 are read, the end is not          told   -
"""


class Trigger(unittest.TestCase):
    def test_story(self):
        done = run("trigger")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, STORY, ""))


if __name__ == "__main__":
    unittest.main()
