// SPDX-License-Identifier: MIT
//
// One measurement: connections are opened, traffic runs on them, and the clocks of both sides are
// read at the two ends of the window. `headrace bench ADDR` is one of these, a comparison many.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/server_watch.hpp"
#include "bench/traffic.hpp"
#include "headrace/address.hpp"

namespace headrace::bench {

/// What to measure.
struct Plan {
  Address address;
  std::size_t connections = 100;
  std::chrono::nanoseconds ramp{};
  WarmUp warm_up{};
  unsigned threads = 1;  ///< at most one a connection
  bool weighs = true;    ///< the server's memory, too: that takes a while with many processes
  LoadOptions load{};    ///< for all threads together; `idle` among them
};

/// What came out.
struct Measurement {
  LoadResult result;
  std::size_t missing = 0;  ///< connections that could not be opened
  Failure missing_why;
  bool interrupted = false;
  std::vector<pid_t> server_pids;                      ///< empty when the server is elsewhere
  std::optional<std::chrono::nanoseconds> server_cpu;  ///< within the window
  std::optional<double> server_memory;                 ///< bytes a connection
  std::chrono::nanoseconds generator_cpu{};            ///< of this process, within the window
};

/// Measures. `taps`, when not empty, has one for each thread. `server` is where the server is known
/// before; it is looked for at the address when it names nobody. What could not be begun at all is
/// a sentence.
[[nodiscard]] std::expected<Measurement, std::string> measure(const Plan& plan, ServerWatch server,
                                                              std::deque<Tap>& taps,
                                                              const std::atomic<bool>& stop);

/// "connect to tcp://127.0.0.1:9: connection refused (connect)"
[[nodiscard]] std::string explain_connecting(const Address& address, const Failure& failure);

}  // namespace headrace::bench
