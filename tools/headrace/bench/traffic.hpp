// SPDX-License-Identifier: MIT
//
// Traffic: what all kinds of load have in common. What is asked for, what came out, and the steps
// of a run: warm up, the window that is measured, farewell.
//
// The kinds: load.hpp (messages on streams that stay open), churn.hpp (streams opened and closed),
// datagrams.hpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "bench/histogram.hpp"
#include "bench/problems.hpp"
#include "bench/tap.hpp"

namespace headrace::bench {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// A time after `start`; kNever when it would not fit.
[[nodiscard]] inline std::int64_t after(std::int64_t start,
                                        std::chrono::nanoseconds time) noexcept {
  return start + std::min(time.count(), kNever - start);
}

/// What traffic; every count is at least 1 where it is there.
struct LoadOptions {
  std::size_t size = 64;      ///< bytes in a message
  std::size_t in_flight = 1;  ///< messages under way on each connection
  std::size_t idle = 0;       ///< of the connections, the last so many only stay open
  std::optional<std::chrono::nanoseconds> duration{};          ///< the window ends after so long
  std::optional<std::uint64_t> messages{};                     ///< or when so many are answered
  std::chrono::nanoseconds timeout = std::chrono::seconds{3};  ///< for answers that do not come
  bool verify = false;                                         ///< look at every byte
  /// Messages a second, each sent when it is due (open loop); absent: when one is answered.
  std::optional<double> rate{};
  std::uint64_t churn = 0;  ///< messages before a connection is closed; 0: it stays
  std::size_t first = 0;    ///< the number of the first connection, where others share the work
  /// Says good-bye as soon as it can, whoever else still works: the server may serve few at once.
  bool makes_way = false;
  /// Whoever was not served by the end of the window, nor in the warm-up, is left so: no error, no
  /// further waiting.
  bool leaves_waiting = false;
};

/// The first wrong byte that was noticed.
struct Corruption {
  std::size_t connection;
  std::uint64_t position;  ///< counted from the start of its stream
  std::byte sent, received;
};

/// What became of datagrams.
struct DatagramCounts {
  std::uint64_t sent = 0;
  std::uint64_t late = 0;      ///< answers to what was given up as lost
  std::uint64_t repeated = 0;  ///< answers that had come before
  std::uint64_t foreign = 0;   ///< no answer to anything that was sent
};

struct LoadResult {
  Histogram latency;                   ///< nanoseconds, of messages; with churn: of connections
  std::uint64_t messages = 0;          ///< answered in full within the window
  std::size_t connections = 0;         ///< that took part
  std::uint64_t opened = 0;            ///< connections opened within the window (churn)
  std::uint64_t served = 0;            ///< connections opened, served and closed (churn)
  std::size_t never_answered = 0;      ///< connections without an answer within the window
  std::uint64_t behind = 0;            ///< due within the window, not answered at its end
  std::chrono::nanoseconds elapsed{};  ///< length of the window
  Problems problems;
  DatagramCounts datagrams;
  std::optional<Corruption> first_corruption;

  /// Adds what another thread's load found out in the same window.
  void merge(const LoadResult& other);
};

/// When messages of an open loop are due: the n-th of all, n / rate seconds after the start.
class Schedule {
 public:
  Schedule() = default;
  Schedule(std::int64_t start, double rate) noexcept : start_{start}, period_{1e9 / rate} {}
  [[nodiscard]] std::int64_t due(std::uint64_t number) const noexcept {
    return start_ + static_cast<std::int64_t>(static_cast<double>(number) * period_);
  }

 private:
  std::int64_t start_ = 0;
  double period_ = 0;
};

/// How a run is led in.
struct WarmUp {
  std::chrono::nanoseconds time{};   ///< traffic that is not counted, for so long
  std::chrono::nanoseconds quiet{};  ///< then, until all were served, or nobody new for so long
};

class Traffic {
 public:
  Traffic() = default;
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  virtual ~Traffic() = default;

  /// Traffic that is not counted, but for what goes wrong in it. May be left out.
  virtual void warm_up(const WarmUp& options) = 0;

  /// The window that is measured. It ends as the options say, and early when no connection is left,
  /// at a stop, or without `duration` when for `timeout` nothing came: what is unanswered then is
  /// missing, and the window ends with the last that came.
  virtual void run() = 0;

  /// After the window: waits for answers still under way, without counting them, then closes. What
  /// did not come is counted as missing.
  virtual void finish() = 0;

  [[nodiscard]] const LoadResult& result() const noexcept { return result_; }

 protected:
  LoadResult result_;
};

}  // namespace headrace::bench
