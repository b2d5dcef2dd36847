// SPDX-License-Identifier: MIT
//
// The lock of a connection under a blocking engine: its tasks take turns, in the order in which
// they ask. A std::mutex would let the one that has just given it up take it again before a waiting
// thread is awake, for as long as it never waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "net/system_calls.hpp"

namespace headrace::detail {

/// As std::lock_guard wants it. Each who asks draws a number; futex(2) is only called when there is
/// somebody to wait for or to wake.
class TurnLock {
 public:
  TurnLock() noexcept = default;
  TurnLock(const TurnLock&) = delete;
  TurnLock& operator=(const TurnLock&) = delete;

  void lock() noexcept {
    const std::uint32_t mine = drawn_.fetch_add(1);
    for (std::uint32_t now = served_.load(); now != mine; now = served_.load())
      (void)sys::futex_wait(word(), now, nullptr);  // whyever it returns: look again
  }

  void unlock() noexcept {
    const std::uint32_t next = served_.load(std::memory_order_relaxed) + 1;
    served_.store(next);
    // Numbers wait on one word, so all are woken, and the right one goes on.
    if (drawn_.load() != next) (void)sys::futex_wake(word(), std::numeric_limits<int>::max());
  }

 private:
  [[nodiscard]] const std::uint32_t* word() const noexcept {
    static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
    return reinterpret_cast<const std::uint32_t*>(&served_);
  }

  std::atomic<std::uint32_t> drawn_ = 0;
  std::atomic<std::uint32_t> served_ = 0;
};

}  // namespace headrace::detail
