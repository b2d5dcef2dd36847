// SPDX-License-Identifier: MIT
//
// A socket and an event in words: short for a column, whole for a line, JSON for a program.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "headrace/tcp_state.hpp"

namespace headrace::watch {

/// At most 5 columns, the unit always there: "45us", "1.9ms", "1.85s", "59.9s", "2m05s", "23h".
[[nodiscard]] std::string short_time(std::chrono::nanoseconds time);

/// At most 4 columns: "0", "999", "1.2K", "12K", "4.0M", in units of 1024.
[[nodiscard]] std::string short_count(std::uint64_t number);

/// How long it has been in its state, `later` included: "1.9ms", ">2m05s" where it was so when
/// first seen, "-" where nothing is known.
[[nodiscard]] std::string age_text(const TcpSighting& sighting,
                                   std::chrono::nanoseconds later = {});

/// "time-wait 58.1s", "retransmit 1.85s (2nd)", "-". What is left after `later` has passed.
[[nodiscard]] std::string timer_text(const TcpSocket& socket, std::chrono::nanoseconds later = {});
/// The same in at most 9 columns: "2msl 58s".
[[nodiscard]] std::string short_timer(const TcpSocket& socket, std::chrono::nanoseconds later);

/// "nginx 812", "nginx 812 +3" where others hold it too; in parentheses when none does any more.
[[nodiscard]] std::string owner_text(const TcpSocket& socket);

/// A line without its newline, of fixed columns; `heading` is theirs.
[[nodiscard]] std::string row_line(const TcpSighting& sighting);
[[nodiscard]] std::string row_heading();
[[nodiscard]] std::string event_line(const TcpEvent& event);

/// One JSON object, without a newline. docs/man/headrace-watch.1 says what is in it.
[[nodiscard]] std::string row_json(const TcpSighting& sighting, std::uint64_t network_namespace);
[[nodiscard]] std::string event_json(const TcpEvent& event, std::uint64_t network_namespace);

/// CLOCK_MONOTONIC as the time of day: "14:03:07.123456"; as ISO 8601 in UTC with microseconds.
[[nodiscard]] std::string clock_text(std::int64_t monotonic_ns);
[[nodiscard]] std::string iso_text(std::int64_t monotonic_ns);

}  // namespace headrace::watch
