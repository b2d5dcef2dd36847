// SPDX-License-Identifier: MIT
//
// Events: one epoll(7) instance, edge-triggered, as every kind of load uses it; its waits are exact
// to microseconds, because an open loop sends at times and not when something happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/epoll.h>

#include "headrace/result.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

class Events {
 public:
  /// What is always watched for: bytes, FIN, failures.
  static constexpr std::uint32_t kArrivals = EPOLLIN | EPOLLRDHUP | EPOLLET;

  /// Takes at most `batch` events at once.
  [[nodiscard]] static Result<Events> open(std::size_t batch);

  /// Its events carry `key`. 0 or a negative errno.
  [[nodiscard]] int watch(int descriptor, std::uint64_t key, std::uint32_t what) noexcept;
  [[nodiscard]] int change(int descriptor, std::uint64_t key, std::uint32_t what) noexcept;

  /// Waits for at most `nanoseconds`, 50 ms at the longest, so that a stop is noticed. Nothing when
  /// the time is over or a signal came.
  [[nodiscard]] std::span<const epoll_event> wait(std::int64_t nanoseconds) noexcept;

 private:
  Events(net::Socket list, std::size_t batch) : list_{std::move(list)}, events_(batch) {}

  net::Socket list_;
  std::vector<epoll_event> events_;
  bool exact_ = true;  // the kernel has epoll_pwait2
};

}  // namespace headrace::bench
