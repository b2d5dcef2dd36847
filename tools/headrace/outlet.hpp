// SPDX-License-Identifier: MIT
//
// Outlet: where log lines leave the process, without ever making it wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "unblocked.hpp"

namespace headrace::tool {

/// Writes whole lines to a descriptor that somebody else may be slow to read, or may have closed.
///
/// What cannot be written at once waits here, up to 64 KiB, and goes out with a later line; beyond
/// that lines are dropped and counted, and the count is told as soon as there is room again. One
/// thread at a time.
class Outlet {
 public:
  /// Makes the line that tells how many lines were dropped so far.
  using Notice = std::string (*)(std::uint64_t dropped);

  /// Borrows `descriptor`, which must stay open.
  Outlet(int descriptor, Notice notice);
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  ~Outlet();

  /// `line` ends with a newline. One longer than PIPE_BUF would not be written in one piece: it is
  /// cut to that.
  void put(std::string_view line);

  /// Waits at most `patience` for what is left to go out.
  void finish(std::chrono::milliseconds patience);

 private:
  [[nodiscard]] bool drain();
  [[nodiscard]] ssize_t write_some(std::string_view bytes) const;
  [[nodiscard]] bool is_writable_within(std::chrono::milliseconds limit) const;
  void enqueue(std::string_view line);
  void tell_dropped();
  void forget_after_fork();

  int descriptor_;
  Way way_ = Way::polled;
  Notice notice_;
  pid_t owner_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_told_ = 0;
};

}  // namespace headrace::tool
