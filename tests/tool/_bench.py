# SPDX-License-Identifier: MIT
"""Running `headrace bench ADDR --json` and reading its report, which the schema describes."""

import json
import subprocess

from _program import PATIENCE, PROGRAM, is_sanitized
from _schema import validate

# How long bench waits for answers that do not come, where a test is about them: every such test
# takes so long. A server in Python on a busy machine, beside a sanitized bench, may well be silent
# for a second without meaning it.
SILENCE_SECONDS = 6 if is_sanitized() else 1.5
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
