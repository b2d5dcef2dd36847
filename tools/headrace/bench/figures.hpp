// SPDX-License-Identifier: MIT
//
// Figures: the numbers of a measurement, in one order, so that everything that is done with all of
// them (writing, medians, ranges) is a loop. Absent where a figure is not known.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "bench/measure.hpp"

namespace headrace::bench {

enum class Figure : std::size_t {
  messages_per_second,
  bytes_per_second,
  connections_per_second,
  server_cpu_us_per_message,
  server_cores_used,
  server_memory_bytes_per_connection,
  bench_cpu_us_per_message,
  p50,
  p90,
  p99,
  p999,
  p9999,
  max,
};
inline constexpr std::size_t kFigureCount = 13;
inline constexpr std::size_t kLatencyFigures = 6;  // the last so many; microseconds

/// As in the JSON report; latencies are in an object of their own.
inline constexpr std::array<std::string_view, kFigureCount> kFigureNames = {
    "messages_per_second",
    "bytes_per_second",
    "connections_per_second",
    "server_cpu_us_per_message",
    "server_cores_used",
    "server_memory_bytes_per_connection",
    "bench_cpu_us_per_message",
    "p50",
    "p90",
    "p99",
    "p999",
    "p9999",
    "max"};

[[nodiscard]] constexpr bool is_latency(std::size_t figure) noexcept {
  return figure >= kFigureCount - kLatencyFigures;
}

class Figures {
 public:
  [[nodiscard]] std::optional<double>& operator[](Figure figure) noexcept {
    return values_[static_cast<std::size_t>(figure)];
  }
  [[nodiscard]] std::optional<double> operator[](Figure figure) const noexcept {
    return values_[static_cast<std::size_t>(figure)];
  }
  [[nodiscard]] std::optional<double>& at(std::size_t figure) noexcept { return values_[figure]; }
  [[nodiscard]] std::optional<double> at(std::size_t figure) const noexcept {
    return values_[figure];
  }

 private:
  std::array<std::optional<double>, kFigureCount> values_{};
};

[[nodiscard]] Figures figures_of(const Measurement& measurement, const LoadOptions& options);

}  // namespace headrace::bench
