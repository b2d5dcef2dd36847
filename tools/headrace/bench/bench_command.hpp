// SPDX-License-Identifier: MIT
//
// `headrace bench ADDR`: what the user asked for, and the one call that does it. The command line
// fills BenchOptions; everything behind it is in this folder: load (the traffic), histogram,
// server_cpu, report.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace headrace::bench {

/// The options of `headrace bench`, already values; the initial values are what its help shows.
struct BenchOptions {
  /// ADDR as typed: "tcp://host:port", "unix:/path", "7788".
  std::string address;
  /// -c, --connections.
  std::size_t connections = 100;
  /// --size: bytes in a message.
  std::size_t size = 64;
  /// --in-flight: messages under way on each connection.
  std::size_t in_flight = 1;
  /// -d, --duration. Absent: 5 s, or no limit when `messages` is given.
  std::optional<std::chrono::nanoseconds> duration;
  /// -n, --messages: the run ends when so many are answered, or after `duration`.
  std::optional<std::uint64_t> messages;
  /// --timeout: how long to try to connect, and how long to wait for an answer that does not come.
  std::chrono::nanoseconds timeout = std::chrono::seconds{3};
  /// --verify: look at every byte.
  bool verify = false;
  /// --json: the report as JSON.
  bool json = false;
};

/// Loads the server at the address, then writes the report to stdout; talk goes to stderr.
///
/// The exit status: 0; 1 when anything failed (also with --json: the report then says what); 2 for
/// a value that makes no sense. SIGINT and SIGTERM end the run early, with the report so far; a
/// second one ends the program.
[[nodiscard]] int run_bench(const BenchOptions& options);

}  // namespace headrace::bench
