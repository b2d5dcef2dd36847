#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: run.sh BUILD_DIRECTORY COMPILER
#
# Installs the build into a fresh prefix and uses it from outside: through CMake and through pkg-config, the
# static and the shared library.
set -euo pipefail

build=$1
compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

try() {
  echo "== $1"
  shift
  local models
  models=$("$@" | wc -l)
  [ "$models" -ge 3 ] || { echo "it printed $models models"; exit 1; }
}

expect_shared_library() {  # OFF|ON PROGRAM
  local found=OFF
  if readelf -d "$2" | grep 'NEEDED.*libheadrace\.so' >/dev/null; then found=ON; fi
  [ "$found" = "$1" ] || { echo "$2: shared library $found, expected $1"; exit 1; }
}

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"  # nothing installed may remember where it was

for shared in OFF ON; do
  program=$work/cmake-$shared/consumer
  cmake -S "$here" -B "$work/cmake-$shared" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DBUILD_SHARED_LIBS=$shared >/dev/null
  cmake --build "$work/cmake-$shared" >/dev/null
  expect_shared_library $shared "$program"
  try "find_package(headrace), BUILD_SHARED_LIBS=$shared" "$program"
done

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name headrace.pc)")
export PKG_CONFIG_PATH
read -ra flags <<<"$(pkg-config --cflags headrace)"
read -ra shared_libraries <<<"$(pkg-config --libs headrace)"
read -ra private_libraries <<<"$(pkg-config --static --libs headrace)"
libraries=$(pkg-config --variable=libdir headrace)

"$compiler" -std=c++23 "${flags[@]}" "$here/main.cpp" -o "$work/shared" "${shared_libraries[@]}"
expect_shared_library ON "$work/shared"
try 'pkg-config, shared' env LD_LIBRARY_PATH="$libraries" "$work/shared"

# The archive for this library only: a whole program linked statically could not resolve names (getaddrinfo).
"$compiler" -std=c++23 "${flags[@]}" "$here/main.cpp" -o "$work/static" \
  "${private_libraries[@]/#-lheadrace/-l:libheadrace.a}"
expect_shared_library OFF "$work/static"
try 'pkg-config, static' "$work/static"
