// SPDX-License-Identifier: MIT
//
// From counts and clocks to rates and costs.
#include "bench/figures.hpp"

namespace headrace::bench {

namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Figures figures_of(const Measurement& measurement, const LoadOptions& options) {
  const LoadResult& result = measurement.result;
  Figures figures;
  const double seconds = seconds_of(result.elapsed);
  const double rate = seconds > 0 ? static_cast<double>(result.messages) / seconds : 0;
  figures[Figure::messages_per_second] = rate;
  figures[Figure::bytes_per_second] = rate * static_cast<double>(options.size);
  if (options.churn > 0)
    figures[Figure::connections_per_second] =
        seconds > 0 ? static_cast<double>(result.served) / seconds : 0;
  if (measurement.server_cpu && seconds > 0)
    figures[Figure::server_cores_used] = seconds_of(*measurement.server_cpu) / seconds;
  figures[Figure::server_memory_bytes_per_connection] = measurement.server_memory;
  if (result.messages > 0) {
    const double messages = static_cast<double>(result.messages);
    if (measurement.server_cpu)
      figures[Figure::server_cpu_us_per_message] =
          seconds_of(*measurement.server_cpu) * 1e6 / messages;
    figures[Figure::bench_cpu_us_per_message] =
        seconds_of(measurement.generator_cpu) * 1e6 / messages;
  }
  if (result.latency.count() == 0) return figures;
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  figures[Figure::p50] = us(result.latency.quantile(0.5));
  figures[Figure::p90] = us(result.latency.quantile(0.9));
  figures[Figure::p99] = us(result.latency.quantile(0.99));
  figures[Figure::p999] = us(result.latency.quantile(0.999));
  figures[Figure::p9999] = us(result.latency.quantile(0.9999));
  figures[Figure::max] = us(result.latency.max());
  return figures;
}

}  // namespace headrace::bench
