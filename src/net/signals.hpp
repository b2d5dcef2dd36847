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

/// Holds back the signals that StopSignals catches, on the calling thread: a forked child must not
/// answer them with its parent's handlers.
class HeldSignals {
 public:
  HeldSignals() noexcept;
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { release(); }
  void release() noexcept;

 private:
  sigset_t before_{};
  bool holds_ = true;
};

/// Catches SIGTERM, SIGINT and SIGHUP while it lives: each puts a byte into a pipe. SIGHUP is
/// ignored instead where the process has no terminal, and so is SIGPIPE. One at a time in a
/// process. Restores what was before.
class StopSignals {
 public:
  /// `repeat`, if given, is armed by each signal. Fails when there is no descriptor, or with
  /// `address_in_use` when another one is alive.
  [[nodiscard]] static Result<StopSignals> catch_them(const RepeatedSignal* repeat);
  /// For a child just forked: what its parent caught goes to the parent alone, so SIGINT and
  /// SIGHUP, which a terminal sends to both, are ignored here. SIGTERM is caught. On failure it is
  /// ignored.
  [[nodiscard]] static Result<StopSignals> catch_in_child(const RepeatedSignal* repeat);
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

  /// For poll(2): readable after a signal.
  [[nodiscard]] int descriptor() const noexcept { return reading_.descriptor(); }

 private:
  static constexpr std::size_t kSignals = 4;
  enum class Process : std::uint8_t { parent, child };
  StopSignals(Socket reading, Socket writing, Process process) noexcept;

  Socket reading_;
  Socket writing_;
  std::array<struct sigaction, kSignals> before_{};
};

}  // namespace headrace::net
