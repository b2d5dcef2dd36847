// SPDX-License-Identifier: MIT
//
// A hierarchical timer wheel: six levels of 64 slots, each level 64 times as coarse as the one
// below. Entering and leaving cost no search and no memory; a node far off is looked at again as
// its time comes near (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987). Ticks
// are 2^20 ns, about a millisecond. Never early.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "headrace/operation.hpp"

namespace headrace::detail {

class TimerWheel {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit TimerWheel(std::int64_t now) noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] static bool holds(const TimerNode& node) noexcept { return node.later != nullptr; }

  /// Enters `node` to expire at `due` (nanoseconds), or moves it there.
  void enter(TimerNode& node, std::int64_t due) noexcept;
  void leave(TimerNode& node) noexcept;

  /// No node expires before this; kNever when empty. May be earlier than the first node is due.
  [[nodiscard]] std::int64_t next_look() const noexcept { return next_look_; }

  /// The next node due at `now`, taken out; null when there is none left. To be called until it
  /// says so.
  TimerNode* take_expired(std::int64_t now) noexcept {
    return now < next_look_ ? nullptr : find_expired(now);
  }

 private:
  static constexpr int kTickShift = 20;
  static constexpr int kSlotBits = 6;
  static constexpr int kSlots = 1 << kSlotBits;
  static constexpr int kLevels = 6;

  struct Level {
    std::uint64_t occupied = 0;  // a bit a slot
    std::array<TimerNode, kSlots> slots{};
  };
  struct Place {
    int level;
    int slot;
    std::uint64_t tick;  // when it must be looked at
  };

  TimerNode* find_expired(std::int64_t now) noexcept;
  void set_next_look() noexcept;
  void forget_one() noexcept;
  static std::uint64_t tick_at(std::int64_t due) noexcept;
  [[nodiscard]] bool next_place(Place& place) const noexcept;
  void insert(TimerNode& node) noexcept;
  void move_slot_to_pending(const Place& place) noexcept;

  std::array<Level, kLevels> levels_;
  TimerNode pending_;  // taken out of their slot, not yet sorted into expired and later
  std::uint64_t now_;  // the tick up to which everything has been looked at
  std::size_t count_ = 0;
  std::int64_t next_look_ = kNever;
};

}  // namespace headrace::detail
