// SPDX-License-Identifier: MIT
//
// The word of a connection's slot that says whose it is: a pid (which Linux keeps below 2^22), how
// far its departure has come, and when it came, modulo 26 days. One word, so that a slot is
// claimed with all of it in one exchange. Not here: the slots (connection_table.cpp).
#pragma once

#include <chrono>
#include <cstdint>

#include "net/system_calls.hpp"

namespace headrace::models {

constexpr std::uint64_t kOwner = (1U << 22) - 1;
constexpr std::uint64_t kMoving = 1U << 22;  // its counts are being moved to the totals
constexpr std::uint64_t kMoved = 1U << 23;   // they are there, and its departure is told
constexpr std::uint64_t kKicked = 1U << 24;  // it is to be closed
constexpr std::uint64_t kServed = 1U << 25;  // it counts as a connection
constexpr unsigned kTimeShift = 26;
constexpr unsigned kTickShift = 13;  // 8 us

inline std::uint64_t now_in_ticks() noexcept {
  return static_cast<std::uint64_t>(sys::monotonic_ns()) >> kTickShift;
}

inline std::chrono::nanoseconds age_of(std::uint64_t holder) noexcept {
  constexpr std::uint64_t kAll = ~std::uint64_t{0} >> kTimeShift;
  const std::uint64_t ticks = (now_in_ticks() - (holder >> kTimeShift)) & kAll;
  return std::chrono::nanoseconds{ticks << kTickShift};
}

inline std::uint64_t owner_word(pid_t owner) noexcept { return static_cast<std::uint64_t>(owner); }

}  // namespace headrace::models
