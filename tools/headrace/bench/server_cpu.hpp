// SPDX-License-Identifier: MIT
//
// What a server on this machine costs: the processor time of the processes that listen at an
// address, and of their children. Read from outside, so it works for any server.
#pragma once

#include <chrono>
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

/// The processes that hold a listening socket, and their descendants.
class ServerCpu {
 public:
  /// Empty when nobody visible listens at `address`: the server is elsewhere or another user's.
  explicit ServerCpu(const Address& address);

  /// Starts to count.
  void start();

  /// Processor time since `start`, in user code and in the kernel, also of children born or ended
  /// meanwhile. Nothing when no process is visible, or when the server is gone.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> used() const;

  /// The processes that listen.
  [[nodiscard]] const std::vector<pid_t>& pids() const noexcept { return owners_; }

 private:
  std::vector<pid_t> owners_;
  std::vector<ProcessTime> before_;
};

/// Processor time of this process so far.
[[nodiscard]] std::chrono::nanoseconds own_cpu_time() noexcept;

}  // namespace headrace::bench
