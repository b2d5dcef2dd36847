// SPDX-License-Identifier: MIT
//
// Putting together what several threads found out.
#include "bench/traffic.hpp"

#include <algorithm>

namespace headrace::bench {

void LoadResult::merge(const LoadResult& other) {
  latency.merge(other.latency);
  messages += other.messages;
  connections += other.connections;
  opened += other.opened;
  served += other.served;
  never_answered += other.never_answered;
  behind += other.behind;
  elapsed = std::max(elapsed, other.elapsed);
  problems.add(other.problems);
  datagrams.sent += other.datagrams.sent;
  datagrams.late += other.datagrams.late;
  datagrams.repeated += other.datagrams.repeated;
  datagrams.foreign += other.datagrams.foreign;
  if (!first_corruption) first_corruption = other.first_corruption;
}

}  // namespace headrace::bench
