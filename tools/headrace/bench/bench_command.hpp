// SPDX-License-Identifier: MIT
//
// `headrace bench`: what the user asked for, and the two calls that do it: one server measured, or
// the models compared. The command line fills BenchOptions; everything behind it is in this folder:
// measure (one measurement), report, and compare.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "headrace/model.hpp"

namespace headrace::bench {

/// What a comparison varies beside the models.
enum class Comparison : std::uint8_t { models, connections, sizes, workers, churn };

/// A server that is not ours, in a comparison: `NAME=CMD {port}`.
struct Rival {
  std::string name, command;
};

/// The options of `headrace bench`, already values; the initial values are what its help shows.
struct BenchOptions {
  /// ADDR as typed: "tcp://host:port", "udp://host:port", "unix:/path", "7788".
  std::string address;
  /// -c, --connections. Absent: 100; in a comparison of churn 10.
  std::optional<std::size_t> connections;
  /// --active: of the connections, those that send. Absent: all.
  std::optional<std::size_t> active;
  /// --size: bytes in a message.
  std::size_t size = 64;
  /// --in-flight: messages under way on each connection.
  std::size_t in_flight = 1;
  /// -d, --duration. Absent: 5 s, or no limit when `messages` is given; in a comparison 500 ms.
  std::optional<std::chrono::nanoseconds> duration;
  /// -n, --messages: the run ends when so many are answered, or after `duration`.
  std::optional<std::uint64_t> messages;
  /// --rate: messages a second in all, sent when they are due.
  std::optional<std::uint64_t> rate;
  /// --churn: messages until a connection is closed and opened anew.
  std::optional<std::uint64_t> churn;
  /// --ramp: the connections are opened over so long.
  std::chrono::nanoseconds ramp{};
  /// --warmup: traffic before the window, which is not counted.
  std::chrono::nanoseconds warm_up{};
  /// --threads of the load.
  unsigned threads = 1;
  /// --timeout: how long to try to connect, and how long to wait for an answer that does not come.
  std::chrono::nanoseconds timeout = std::chrono::seconds{3};
  /// --verify: look at every byte.
  bool verify = false;
  /// --pid: the server's process. Absent: whoever listens at the address.
  std::optional<pid_t> pid;
  /// --json: the report as JSON.
  bool json = false;
  /// --html: where to write the report as a page; "" not at all.
  std::string html;
  /// --compare: what; empty: load one server.
  std::vector<Comparison> compare;
  /// --rounds of a comparison.
  unsigned rounds = 5;
  /// --within: what all rounds of a comparison may take. Absent: as long as they take.
  std::optional<std::chrono::nanoseconds> within;
  /// --against.
  std::vector<Rival> rivals;
  /// --models: which to compare. Empty: all that run here.
  std::vector<Model> models;
  /// The command line, to repeat it.
  std::string command;
};

inline constexpr std::size_t kDefaultConnections = 100;
inline constexpr std::size_t kDefaultChurning = 10;

/// Loads the server at the address, then writes the report to stdout; talk goes to stderr.
///
/// The exit status: 0; 1 when anything failed (also with --json: the report then says what); 2 for
/// a value that makes no sense. SIGINT and SIGTERM end the run early, with the report so far; a
/// second one ends the program.
[[nodiscard]] int run_bench(const BenchOptions& options);

/// Starts servers of its own, one after another, and measures each in turn; the report and the exit
/// status as above. Every server that was started has ended when it returns.
[[nodiscard]] int run_comparison(const BenchOptions& options);

/// What is wrong with the numbers, as a sentence; empty when nothing is.
[[nodiscard]] std::string objection_to(const BenchOptions& options);

/// "models", "connections" and so on.
[[nodiscard]] std::string_view to_text(Comparison comparison) noexcept;

}  // namespace headrace::bench
