# SPDX-License-Identifier: MIT
"""Running `headrace bench ADDR --json` and reading its report, which the schema describes."""

import json
import subprocess

from _program import PATIENCE, PROGRAM
from _schema import validate


def bench(address, *arguments, **options):
    command = [PROGRAM, "bench", address, "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)
    done.report = json.loads(done.stdout) if done.stdout else None
    if done.report:
        validate(done.report)
    return done
