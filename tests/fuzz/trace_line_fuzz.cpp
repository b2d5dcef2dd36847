// SPDX-License-Identifier: MIT
//
// Any bytes as a line of tracefs: what is read is a time, two ends and two states that exist.
#include <cstdint>
#include <cstdlib>

#include "tcp_state/trace_line.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace headrace;
  const std::string_view line{reinterpret_cast<const char*>(bytes), size};
  if (const auto record = tcp::read_trace_line(line)) {
    if (record->time_ns < 0) std::abort();
    if (to_text(record->from).empty() || to_text(record->to).empty()) std::abort();
    if (TcpEndpointText{record->local}.view().empty()) std::abort();
    // A line cannot be both.
    if (tcp::read_lost_line(line) != 0 && line.find("LOST") == line.npos) std::abort();
  }
  (void)tcp::read_lost_line(line);
  (void)find_tcp_state(line);
  return 0;
}
