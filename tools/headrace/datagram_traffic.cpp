// SPDX-License-Identifier: MIT
//
// The counts of datagrams in words. Not here: the JSON form (json_events.cpp).
#include "datagram_traffic.hpp"

#include <fmt/format.h>

#include "units.hpp"

namespace headrace::tool {

namespace {

// What became of datagrams that were not just answered; nothing where there were none such.
std::string mishaps(const DatagramCounts& counts) {
  std::string text;
  const auto add = [&text](std::uint64_t count, std::string_view what) {
    if (count != 0) text += fmt::format(", {} {}", count, what);
  };
  add(counts.unanswered, "unanswerable");
  add(counts.limited, "over the rate limit");
  add(counts.failed, "not sent");
  add(counts.truncated, "truncated");
  add(counts.dropped, "dropped by the kernel");
  return text;
}

}  // namespace

std::string datagram_traffic(const DatagramCounts& counts) {
  return fmt::format("{} in, {} out, {} B in, {} B out{}", counted(counts.received, "datagram"),
                     counts.sent, counts.bytes_received, counts.bytes_sent, mishaps(counts));
}

}  // namespace headrace::tool
