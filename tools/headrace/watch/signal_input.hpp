// SPDX-License-Identifier: MIT
//
// Signals as something to read: the ends of a program that must leave a terminal and the kernel as
// it found them, and a terminal's changes of size.
#pragma once

#include <csignal>

#include "net/socket.hpp"

namespace headrace::watch {

/// While it lives, SIGINT, SIGTERM, SIGHUP, SIGWINCH and SIGTSTP do nothing but make `descriptor`
/// readable, and SIGPIPE nothing at all. One at a time in a process, which has one thread.
class SignalInput {
 public:
  SignalInput() noexcept;
  SignalInput(const SignalInput&) = delete;
  SignalInput& operator=(const SignalInput&) = delete;
  ~SignalInput();

  /// For poll(2).
  [[nodiscard]] int descriptor() const noexcept { return file_.descriptor(); }

  /// One that has come, or 0. Does not wait.
  [[nodiscard]] int next() noexcept;

  /// Stops the process as SIGTSTP would have; returns when it goes on.
  void stop_here() noexcept;

 private:
  sigset_t before_{};
  struct sigaction pipe_before_{};
  net::Socket file_;
};

/// Whether it asks for the end.
[[nodiscard]] bool is_end(int signal) noexcept;

}  // namespace headrace::watch
