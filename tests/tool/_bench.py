# SPDX-License-Identifier: MIT
"""Running `headrace bench ADDR --json` and reading its report, which the schema describes."""

import json
import subprocess

from _program import PATIENCE, PROGRAM
from _schema import validate

# How long bench waits for answers that do not come, where a test is about them: every such test
# takes so long, and so they run side by side. A server in Python on a busy machine may well be
# silent for seconds without meaning it.
SILENCE_SECONDS = 10
SILENCE = f"{SILENCE_SECONDS * 1000:.0f}ms"
# Where all answers come, the limit is never reached.
GENEROUS = ("--timeout", "25s")


def bench(address, *arguments, patience=PATIENCE, **options):
    limit = () if "--timeout" in arguments else GENEROUS
    command = [PROGRAM, "bench", address, "--json", *limit, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, **options)
    done.report = json.loads(done.stdout) if done.stdout else None
    if done.report:
        validate(done.report)
    return done
