#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: scripts/check-readme.sh PROGRAM_DIRECTORY FILE...
#
# Runs what the documents tell a reader to type: every ```sh block whose first line is `# checked`, with bash -e in
# a directory of its own, with PROGRAM_DIRECTORY on PATH and HEADRACE_SOURCE naming the tree. What a block leaves
# running is ended. Fails when a block fails or takes longer than a minute.
set -euo pipefail

programs=$(cd "$1" && pwd)
shift
HEADRACE_SOURCE=$(cd "$(dirname "$0")/.." && pwd)
export HEADRACE_SOURCE PATH="$programs:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_block() {
  local directory=$1 block=$2
  mkdir "$directory"
  set -m  # a process group of its own, so that its servers end with it
  (cd "$directory" && exec timeout 60 bash -e "$block") >"$block.output" 2>&1 </dev/null &
  set +m
  local group=$! status=0
  wait "$group" || status=$?
  kill -- "-$group" 2>/dev/null || true
  return "$status"
}

count=0
for document in "$@"; do
  [ -f "$document" ] || { echo "check-readme: no $document"; continue; }
  name=$(basename "$document")
  awk -v prefix="$work/$name" '
    /^```sh[[:space:]]*$/ { inside = 1; first = 1; next }
    /^```/ { if (writing) close(file); inside = 0; writing = 0; next }
    inside && first { first = 0; if ($0 == "# checked") { writing = 1; file = prefix "-line-" NR ".sh" } }
    writing { print > file }' "$document"
  for block in "$work/$name"-line-*.sh; do
    [ -f "$block" ] || continue
    line=${block##*-line-}
    if ! run_block "$work/run-$((++count))" "$block"; then
      echo "check-readme: $document, the block at line ${line%.sh} fails:"
      sed 's/^/  /' "$block"
      echo 'It said:'
      tail -n 20 "$block.output" | sed 's/^/  /'
      exit 1
    fi
  done
done
echo "check-readme: $count blocks run"
