#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: bench/build_peers.sh [DIRECTORY]
#
# Builds the TCP echo servers of bench/peers into DIRECTORY (build/bench). Prints the names of those that could be
# built, for PEERS of the measuring scripts; what lacks its library is left out and said so on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=${1:-build/bench}
mkdir -p "$directory"

why=$(mktemp)
trap 'rm -f "$why"' EXIT
built=()

# build NAME PACKAGE COMPILER ARGUMENTS...: bench/peers/tcp_NAME.c or .cpp.
build() {
  local name=$1 package=$2 sources=(bench/peers/tcp_"$1".c*)
  shift 2
  if "$1" "${sources[0]}" -O2 -o "$directory/peer_$name" "${@:2}" 2>"$why"; then
    built+=("$name")
  elif grep -q 'No such file or directory\|cannot find' "$why"; then
    echo "peer $name is left out: apt-get install $package" >&2
  else
    echo "peer $name is left out, it does not compile:" >&2
    head -n 5 "$why" >&2
  fi
}

c=(cc -std=c11 -D_GNU_SOURCE -Wall -Wextra)
build libev libev-dev "${c[@]}" -lev
build libevent libevent-dev "${c[@]}" -levent
build libuv libuv1-dev "${c[@]}" -luv
build asio_callbacks libasio-dev c++ -std=c++20 -pthread
build asio_coroutines libasio-dev c++ -std=c++20 -pthread
echo "${built[*]}"
