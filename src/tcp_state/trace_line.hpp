// SPDX-License-Identifier: MIT
//
// A line of tracefs about sock:inet_sock_set_state, as values. Text in, no kernel: see trace.hpp
// for where the lines come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "headrace/tcp_state.hpp"

namespace headrace::tcp {

struct TraceRecord {
  std::int64_t time_ns = 0;
  bool ipv6 = false;
  TcpState from = TcpState::closed;
  TcpState to = TcpState::closed;
  TcpEndpoint local;  ///< port 0: not chosen yet, at the first step of connect(2)
  TcpEndpoint remote;
};

/// Nothing when the line is about something else, another protocol too, or cannot be understood.
/// The process it names is whoever ran at that moment, so it is not looked at.
[[nodiscard]] std::optional<TraceRecord> read_trace_line(std::string_view line) noexcept;

/// "CPU:1 [LOST 42 EVENTS]": how many; 0 for any other line.
[[nodiscard]] std::uint64_t read_lost_line(std::string_view line) noexcept;

}  // namespace headrace::tcp
