// SPDX-License-Identifier: MIT
//
// What a server on this machine costs: processor time and memory of the processes that listen at an
// address, or of one that is named, and of their children. Read from outside, so it works for any
// server.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "headrace/address.hpp"

namespace headrace::bench {

/// Processor time of a process, threads that have ended included.
struct ProcessTime {
  pid_t pid;
  std::chrono::nanoseconds own;       ///< to the nanosecond
  std::chrono::nanoseconds children;  ///< of children that ended and were waited for; to 10 ms
};

/// The processes that hold a server's socket, and their descendants.
class ServerWatch {
 public:
  explicit ServerWatch(std::vector<pid_t> owners) : owners_{std::move(owners)} {}

  /// Whoever listens at `address`: nobody when the server is elsewhere, another user's, or not up.
  [[nodiscard]] static ServerWatch at(const Address& address);

  /// Starts to count.
  void start();

  /// Processor time since `start`, in user code and in the kernel, also of children born or ended
  /// meanwhile. Nothing when no process is visible, or when the server is gone.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> used() const;

  /// User memory in bytes, now: what is shared with other processes counts in part (PSS). Nothing
  /// when no process is visible or the kernel does not tell.
  [[nodiscard]] std::optional<std::uint64_t> memory() const;

  /// The processes that listen, or the one that was named.
  [[nodiscard]] const std::vector<pid_t>& pids() const noexcept { return owners_; }

 private:
  std::vector<pid_t> owners_;
  std::vector<ProcessTime> before_;
};

/// Processor time of this process so far.
[[nodiscard]] std::chrono::nanoseconds own_cpu_time() noexcept;

}  // namespace headrace::bench
