// SPDX-License-Identifier: MIT
//
// What an operator sees of the connection table, and does to it. Not here: how the owner of a
// kicked connection is made to look (the launchers).
#include "models/connection_slots.hpp"
#include "models/slot_holder.hpp"
#include "models/slot_peer.hpp"

namespace headrace::models {

using detail::CompactAddress;
using detail::ConnectionInfo;

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

bool ConnectionTable::kick(std::uint64_t id) noexcept {
  for (Slot& slot : slots()) {
    std::uint64_t holder = slot.holder.load(std::memory_order_acquire);
    if (slot.id.load(kRelaxed) != id || (holder & kServed) == 0) continue;
    shared_->kicks.fetch_add(1);  // first: it may be done before we are
    while (slot.id.load(kRelaxed) == id && (holder & kServed) != 0 &&
           (holder & (kMoving | kMoved | kKicked)) == 0)
      if (slot.holder.compare_exchange_weak(holder, holder | kKicked)) return true;
    shared_->kicks.fetch_sub(1);
    return slot.id.load(kRelaxed) == id && (holder & kKicked) != 0 &&
           (holder & (kMoving | kMoved)) == 0;
  }
  return false;
}

bool ConnectionTable::is_kicked(const ConnectionInfo& connection) const noexcept {
  return (static_cast<const Slot&>(connection).holder.load(kRelaxed) & kKicked) != 0;
}

bool ConnectionTable::has_kicks() const noexcept { return shared_->kicks.load(kRelaxed) != 0; }

void ConnectionTable::forget_kick(std::uint64_t holder) noexcept {
  if ((holder & kKicked) != 0) shared_->kicks.fetch_sub(1);
}

void ConnectionTable::list(Control::Visit visit, void* visitor) const {
  for (Slot& slot : slots()) {
    const std::uint64_t holder = slot.holder.load(std::memory_order_acquire);
    const std::uint64_t id = slot.id.load(kRelaxed);
    if ((holder & kServed) == 0 || (holder & (kMoving | kMoved)) != 0 || id == 0) continue;
    CompactAddress peer;
    copy_words(peer, slot.peer);
    const ConnectionView view{id,
                              detail::expand(peer),
                              slot.received.load(kRelaxed),
                              slot.sent.load(kRelaxed),
                              slot.messages.load(kRelaxed),
                              age_of(holder)};
    std::atomic_thread_fence(std::memory_order_acquire);
    // Else another one has got the place meanwhile.
    if (slot.holder.load(kRelaxed) >> kTimeShift == holder >> kTimeShift) visit(visitor, view);
  }
}

}  // namespace headrace::models
