#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every public header compiles by itself, without a warning, with each compiler that is here.
set -euo pipefail

include=$1
cd "$include"

compilers=()
for compiler in g++ clang++-19; do
  if command -v "$compiler" >/dev/null; then
    compilers+=("$compiler")
  else
    echo "no $compiler here: not tried"
  fi
done
[ ${#compilers[@]} -gt 0 ] || { echo 'no compiler at all'; exit 1; }

# Twice, so that a missing include guard shows too.
check_one() {
  printf '#include "%s"\n#include "%s"\n' "$2" "$2" |
    "$1" -std=c++23 -I . -Wall -Wextra -Wconversion -Wshadow -Werror -fsyntax-only -x c++ - ||
    { echo "$2 does not stand alone with $1"; return 1; }
}
export -f check_one

for header in headrace/*.hpp; do
  printf '%s\n' "${compilers[@]/%/ $header}"
done | xargs -P 2 -L 1 bash -c 'check_one "$0" "$1"'

echo "$(ls headrace/*.hpp | wc -l) headers stand alone with ${compilers[*]}"
