#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Usage: scripts/install-packages.sh GROUP...     (build, tests, checks, nightly, bench)
#
# The one place that names the Debian packages headrace needs. Installs those of the groups that are missing, as
# root or with sudo where that asks no password; otherwise prints the line to run, and fails.
set -euo pipefail

build='g++ cmake ninja-build make pkg-config libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libmnl-dev
  liburing-dev libjs-chart.js libedit-dev libgtest-dev libgmock-dev'
tests='python3 netcat-openbsd ncat socat iproute2 util-linux procps strace mandoc tmux'
checks='git clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev valgrind'
nightly='chromium'  # the HTML report is looked at in a browser
# What the measuring scripts need, and the libraries whose echo servers are measured beside ours.
bench='python3 util-linux strace valgrind libuv1-dev libevent-dev libev-dev libasio-dev'

wanted=()
for group in "$@"; do
  case $group in
    build) list=$build ;;
    tests) list=$tests ;;
    checks) list=$checks ;;
    nightly) list=$nightly ;;
    bench) list=$bench ;;
    *)
      echo "install-packages: no group '$group'; there are build, tests, checks, nightly and bench" >&2
      exit 2
      ;;
  esac
  read -rd '' -a names <<<"$list" || true
  wanted+=("${names[@]}")
done
[ ${#wanted[@]} -gt 0 ] || { echo 'install-packages: name a group: build, tests, checks, nightly, bench' >&2; exit 2; }

if ! command -v dpkg-query >/dev/null; then
  echo "install-packages: this is no Debian; make sure that these are here: ${wanted[*]}" >&2
  exit 0
fi

installed=$(dpkg-query -W -f '${Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^install ok installed //p' || true)
missing=()
for name in "${wanted[@]}"; do
  grep -qxF "$name" <<<"$installed" || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n env)
else
  echo "headrace needs packages that are not installed. Run this, then try again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "== installing ${missing[*]}"
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y \
  --no-install-recommends "${missing[@]}"
