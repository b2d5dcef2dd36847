#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: scripts/format.sh [--check]
#
# Formats every source in place with clang-format-19; with --check changes nothing and fails where it would.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != --check ]; then
  scripts/sources.sh | xargs -r clang-format-19 -i
  exit
fi

# Not --dry-run: a few lines of a diff say more than a warning a line.
status=0
while IFS= read -r file; do
  if ! diff=$(clang-format-19 "$file" | diff -u "$file" - --label "$file" --label "$file, formatted"); then
    head -n 12 <<<"$diff"
    status=1
  fi
done < <(scripts/sources.sh)
[ $status -eq 0 ] || echo 'not formatted; run: make format'
exit $status
