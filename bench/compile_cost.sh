#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/compile_cost.sh [RUNS]
#
# What including <headrace/headrace.hpp> costs: processor time of g++ -std=c++23 -O0 for a translation unit that only
# includes it, against one with the standard headers that its interface stands on. Runs alternate (5 of each unless
# told otherwise); medians. The bar is 1.2. CXX names another compiler.
set -euo pipefail

runs=${1:-5}
compiler=${CXX:-g++}
include=$(cd "$(dirname "$0")/../include" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '#include <%s>\n' expected coroutine span memory chrono >"$work/standard.cpp"
printf '#include <headrace/headrace.hpp>\n' >"$work/headrace.cpp"

# Processor time, user and system: other work on the machine lengthens it less than the wall clock.
compile() {
  TIMEFORMAT='%U %S'
  { time "$compiler" -std=c++23 -O0 -I "$include" -c "$work/$1.cpp" -o /dev/null; } 2>&1 |
    awk '{ print $1 + $2 }' >>"$work/$1.seconds"
}

median() { sort -n "$work/$1.seconds" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

compile standard && compile headrace && rm "$work"/*.seconds  # the first reads files from the disk
for ((run = 0; run < runs; ++run)); do
  compile standard
  compile headrace
done

awk -v standard="$(median standard)" -v headrace="$(median headrace)" -v runs="$runs" \
  -v compiler="$("$compiler" --version | head -n 1)" 'BEGIN {
    printf "compiler:                                            %s\n", compiler
    printf "<expected> <coroutine> <span> <memory> <chrono>:     %.3f s\n", standard
    printf "<headrace/headrace.hpp>:                             %.3f s\n", headrace
    printf "ratio of medians of %d runs:                          %.2f (bar: 1.20)\n", runs, headrace / standard
  }'
