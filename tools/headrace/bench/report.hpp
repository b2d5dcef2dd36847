// SPDX-License-Identifier: MIT
//
// BenchReport: what a load found out, for people and for programs.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/load.hpp"

namespace headrace::bench {

struct BenchReport {
  std::string address;  ///< as canonical text
  LoadOptions options;
  std::size_t connections_asked = 0;
  LoadResult result;
  bool interrupted = false;
  std::vector<pid_t> server_pids;  ///< that listen at the address; empty for a remote server
  std::optional<std::chrono::nanoseconds> server_cpu;  ///< within the window
  std::chrono::nanoseconds generator_cpu{};            ///< of this process, within the window
};

/// "2 reset, 1 missing"; "none" when there were none.
[[nodiscard]] std::string to_text(const Problems& problems);

/// A table of one screen, with units.
[[nodiscard]] std::string to_table(const BenchReport& report);

/// An object. Keys that stay: messages_per_second, bytes_per_second (one way), latency_us {p50,
/// p90, p99, p999, max} (each null when nothing was answered), messages, errors, errors_by_kind,
/// connections, server_cpu_us_per_message (null when unknown).
[[nodiscard]] std::string to_json(const BenchReport& report);

}  // namespace headrace::bench
