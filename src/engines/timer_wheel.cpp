// SPDX-License-Identifier: MIT
//
// The wheel's arithmetic: which slot a time falls into, and which slot comes next.
#include "engines/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace headrace::detail {

namespace {

void link_before(TimerNode& head, TimerNode& node) noexcept {
  node.later = &head;
  node.earlier = head.earlier;
  head.earlier->later = &node;
  head.earlier = &node;
}

void unlink(TimerNode& node) noexcept {
  node.earlier->later = node.later;
  node.later->earlier = node.earlier;
  node.later = node.earlier = nullptr;
}

bool is_empty(const TimerNode& head) noexcept { return head.later == &head; }

void clear(TimerNode& head) noexcept { head.later = head.earlier = &head; }

}  // namespace

TimerWheel::TimerWheel(std::int64_t now) noexcept
    : now_{static_cast<std::uint64_t>(now) >> kTickShift} {
  for (Level& level : levels_)
    for (TimerNode& slot : level.slots) clear(slot);
  clear(pending_);
}

// The first tick at which `due` has passed: rounded up, so that nothing expires early.
std::uint64_t TimerWheel::tick_at(std::int64_t due) noexcept {
  constexpr std::int64_t kRound = (std::int64_t{1} << kTickShift) - 1;
  return (static_cast<std::uint64_t>(std::min(due, kNever - kRound)) + kRound) >> kTickShift;
}

void TimerWheel::enter(TimerNode& node, std::int64_t due) noexcept {
  if (holds(node)) leave(node);
  node.due = due;
  ++count_;
  insert(node);
  const std::uint64_t tick = std::max(tick_at(due), now_);
  next_look_ = std::min(next_look_, static_cast<std::int64_t>(tick << kTickShift));
}

void TimerWheel::insert(TimerNode& node) noexcept {
  // Less than a whole turn of the top level, so that no node lands in the slot being looked at (two
  // years).
  constexpr std::uint64_t kFarthest =
      (std::uint64_t{kSlots - 1} << (kSlotBits * (kLevels - 1))) - 1;
  const std::uint64_t tick = std::clamp(tick_at(node.due), now_, now_ + kFarthest);
  const std::uint64_t differing = (tick ^ now_) | (kSlots - 1);
  const int level = std::min((63 - std::countl_zero(differing)) / kSlotBits, kLevels - 1);
  const auto slot = static_cast<unsigned>(tick >> (level * kSlotBits)) % kSlots;
  Level& chosen = levels_[static_cast<unsigned>(level)];
  chosen.occupied |= std::uint64_t{1} << slot;
  link_before(chosen.slots[slot], node);
}

void TimerWheel::leave(TimerNode& node) noexcept {
  // The slot's bit stays: an empty slot that is looked at costs one turn, finding the slot costs
  // every time.
  unlink(node);
  node.due = kNever;
  forget_one();
}

// Empty, it is not asked for what has expired any more, so nobody would find out that there is
// nothing to look at: the loop would turn for nothing, for ever.
void TimerWheel::forget_one() noexcept {
  if (--count_ == 0) next_look_ = kNever;
}

// The lowest level with anything in it comes first: its slots lie within the next slot of the level
// above.
bool TimerWheel::next_place(Place& place) const noexcept {
  for (int index = 0; index < kLevels; ++index) {
    const Level& level = levels_[static_cast<unsigned>(index)];
    if (level.occupied == 0) continue;
    const int shift = index * kSlotBits;
    const auto current = static_cast<int>((now_ >> shift) % kSlots);
    const int distance = std::countr_zero(std::rotr(level.occupied, current));
    const std::uint64_t tick = ((now_ >> shift) + static_cast<unsigned>(distance)) << shift;
    place = {index, (current + distance) % kSlots, std::max(tick, now_)};
    return true;
  }
  return false;
}

void TimerWheel::set_next_look() noexcept {
  Place place{};
  next_look_ =
      empty() || !next_place(place) ? kNever : static_cast<std::int64_t>(place.tick << kTickShift);
}

void TimerWheel::move_slot_to_pending(const Place& place) noexcept {
  Level& level = levels_[static_cast<unsigned>(place.level)];
  level.occupied &= ~(std::uint64_t{1} << place.slot);
  TimerNode& slot = level.slots[static_cast<unsigned>(place.slot)];
  if (is_empty(slot)) return;
  slot.later->earlier = pending_.earlier;
  pending_.earlier->later = slot.later;
  slot.earlier->later = &pending_;
  pending_.earlier = slot.earlier;
  clear(slot);
}

TimerNode* TimerWheel::find_expired(std::int64_t now) noexcept {
  const std::uint64_t target = static_cast<std::uint64_t>(now) >> kTickShift;
  for (;;) {
    while (!is_empty(pending_)) {
      TimerNode& node = *pending_.later;
      unlink(node);
      if (tick_at(node.due) <= now_) {
        node.due = kNever;
        forget_one();
        return &node;
      }
      insert(node);
    }
    Place place{};
    if (!next_place(place) || place.tick > target) break;
    now_ = place.tick;
    move_slot_to_pending(place);
  }
  now_ = std::max(now_, target);
  set_next_look();
  return nullptr;
}

}  // namespace headrace::detail
