// SPDX-License-Identifier: MIT
//
// Signals that end a server, turned into something that poll(2) and a blocked thread both notice.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>

#include "net/socket.hpp"

namespace headrace::net {

/// Sends SIGURG to the thread that made it, every 5 ms from the moment it is armed: a thread that
/// is about to block in a system call cannot miss all of them. Arming is allowed in a signal
/// handler and from any thread.
class RepeatedSignal {
 public:
  [[nodiscard]] static Result<RepeatedSignal> make();
  RepeatedSignal(RepeatedSignal&& other) noexcept;
  RepeatedSignal& operator=(RepeatedSignal&&) = delete;
  ~RepeatedSignal();

  void arm() const noexcept;
  [[nodiscard]] timer_t timer() const noexcept { return timer_; }

 private:
  explicit RepeatedSignal(timer_t timer) noexcept : timer_{timer} {}
  timer_t timer_;
  bool owns_ = true;
};

/// Catches SIGTERM, SIGINT and SIGHUP while it lives: each puts a byte into a pipe. SIGHUP is
/// ignored instead where the process has no terminal, and so is SIGPIPE. One at a time in a
/// process. Restores what was before.
class StopSignals {
 public:
  /// `repeat`, if given, is armed by each signal. Fails when there is no descriptor, or with
  /// `address_in_use` when another one is alive.
  [[nodiscard]] static Result<StopSignals> catch_them(const RepeatedSignal* repeat);
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

  /// For poll(2): readable after a signal.
  [[nodiscard]] int descriptor() const noexcept { return reading_.descriptor(); }

 private:
  static constexpr std::size_t kSignals = 4;
  StopSignals(Socket reading, Socket writing) noexcept;

  Socket reading_;
  Socket writing_;
  std::array<struct sigaction, kSignals> before_{};
};

}  // namespace headrace::net
