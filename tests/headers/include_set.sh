#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Public headers stay cheap and portable: they include the standard library, less its costly parts, and one
# another; no system header, directly or through the library's own; and none names a class of an engine.
set -euo pipefail

headers=$1/headrace
status=0

complain() {
  echo "$1"
  sed 's/^/  /'
  status=1
}

includes=$(grep -rnE '^[[:space:]]*#[[:space:]]*include' "$headers" --include='*.hpp')

# <x.h> and <sys/x> are the system's; "..." is ours and stands in include/headrace.
if found=$(grep -E '<[^>]*[./][^>]*>' <<<"$includes"); then
  complain 'A public header includes a system header:' <<<"$found"
fi
if found=$(grep -E '<(functional|string|vector|iostream)>' <<<"$includes"); then
  complain 'A public header includes a costly standard header:' <<<"$found"
fi
if found=$(grep '"' <<<"$includes" | grep -vE '"headrace/[a-z_]+\.hpp"'); then
  complain 'A public header includes something private:' <<<"$found"
fi
if found=$(grep -rnE '\b(BlockingEngine|PollingEngine|SelectEngine|PollEngine|Epoll[A-Za-z]*Engine|ReadinessEngine|IoUring[A-Za-z]*)\b' \
  "$headers" --include='*.hpp'); then
  complain 'A public header names an engine type:' <<<"$found"
fi

# What the standard library brings along must not be more than it brings by itself, as far as sockets go.
seen=$("${CXX:-g++}" -std=c++23 -I "$1" -M -x c++ "$headers/headrace.hpp" | tr -s ' \\' '\n\n')
if found=$(grep -E '/(netinet|arpa)/|/sys/(socket|epoll|un|uio|eventfd)\.h|/(poll|netdb|iostream)(\.h)?$' <<<"$seen"); then
  complain 'The umbrella header reaches a system header:' <<<"$found"
fi

[ "$status" -eq 0 ] && echo "$(wc -l <<<"$includes") includes, all of them allowed"
exit "$status"
