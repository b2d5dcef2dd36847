// SPDX-License-Identifier: MIT
//
// Interruption: Ctrl-C ends a run early, with what is known so far; a second one ends the program,
// and with it a server that it has started.
#pragma once

#include <atomic>
#include <csignal>

#include <sys/types.h>

namespace headrace::bench {

/// While it lives, a first SIGINT or SIGTERM (or SIGHUP) only sets a flag; a second one has its
/// usual effect. One at a time in a process.
class Interruption {
 public:
  Interruption() noexcept;
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();

  /// True after the first signal.
  [[nodiscard]] static const std::atomic<bool>& flag() noexcept;

  /// The process group that a second signal kills first; 0: none.
  static void takes_along(pid_t group) noexcept;

 private:
  struct sigaction old_int_{}, old_term_{}, old_hup_{};
};

}  // namespace headrace::bench
