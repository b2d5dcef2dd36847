#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: scripts/sources.sh
#
# Names every C and C++ source of the project, one a line: what git tracks or would track; without git, what lies
# in the source folders.
set -euo pipefail
cd "$(dirname "$0")/.."

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git ls-files --cached --others --exclude-standard -- '*.cpp' '*.hpp' '*.c' '*.h'
else
  find include src tools examples tests bench -name '*.[ch]pp' -o -name '*.[ch]'
fi | sort | while IFS= read -r file; do
  if [ -f "$file" ]; then echo "$file"; fi  # a tracked file may be deleted
done
