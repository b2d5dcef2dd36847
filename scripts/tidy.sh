#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: scripts/tidy.sh BUILD_DIRECTORY [--changed | --library]
#
# Runs clang-tidy-19 on every file of src, tools and examples, as many at once as there are cores; headers are seen
# through the files that include them. BUILD_DIRECTORY was configured for clang. With --changed only on files that
# differ from the last commit, unless a header differs: then on all. With --library, without tools: CLI11,
# fmt and JSON would make it take three times as long.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
files=$(scripts/sources.sh | grep -E '^(src|tools|examples)/.*\.cpp$' || true)
if [ "${2:-}" = --library ]; then files=$(grep -vE '^tools/' <<<"$files"); fi
if [ "${2:-}" = --changed ]; then
  changed=$({ git diff --name-only HEAD; git ls-files --others --exclude-standard; } | sort -u)
  if ! grep -qE '\.hpp$|^\.clang-tidy$' <<<"$changed"; then
    files=$(comm -12 <(sort <<<"$files") <(grep -E '\.cpp$' <<<"$changed" || true))
  fi
fi
[ -n "$files" ] || { echo 'tidy: no file to look at'; exit 0; }

tidy_one() {
  local said
  if ! said=$(timeout 300 clang-tidy-19 -p "$0" --quiet "$1" 2>&1); then
    printf '%s\n' "$said" | grep -vE '^[0-9]+ warnings? |^Suppressed |^Use -header-filter'
    return 1
  fi
}
export -f tidy_one

if ! xargs -P "${JOBS:-$(nproc)}" -I '{}' bash -c 'tidy_one "$1"' "$build" '{}' <<<"$files"; then
  echo 'tidy: see above; .clang-tidy names the checks'
  exit 1
fi
echo "tidy: $(wc -l <<<"$files") files, nothing to say"
