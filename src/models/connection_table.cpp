// SPDX-License-Identifier: MIT
//
// Slots and counters in one anonymous shared mapping. A slot's owner is the only one that writes
// its counts.
#include "models/connection_table.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "models/connection_slots.hpp"
#include "models/slot_holder.hpp"
#include "models/slot_peer.hpp"

namespace headrace::models {

using detail::CompactAddress;
using detail::ConnectionInfo;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

void count(Counter& counter, std::uint64_t amount = 1) noexcept {
  counter.fetch_add(amount, kRelaxed);
}

template <class Number>
void raise_to(std::atomic<Number>& highest, Number value) noexcept {
  Number seen = highest.load();
  while (seen < value && !highest.compare_exchange_weak(seen, value)) {
  }
}

void clear_counts(ConnectionInfo& connection) noexcept {
  connection.received.store(0, kRelaxed);
  connection.sent.store(0, kRelaxed);
  connection.messages.store(0, kRelaxed);
}

Departure departure_after(Errc last) noexcept {
  switch (last) {
    case Errc::timed_out:
      return Departure::timed_out;
    case Errc::canceled:
      return Departure::cut;
    case Errc::reset:
    case Errc::broken_pipe:
      return Departure::reset;
    default:
      return Departure::finished;
  }
}

}  // namespace

std::unique_ptr<ConnectionTable> ConnectionTable::make(Limits limits, ServerEvents& events) {
  const std::uint32_t slots = std::max(limits.total, std::uint32_t{1});
  const std::size_t size = sizeof(Shared) + slots * sizeof(Slot);
  void* const memory =
      sys::map_memory(size, true);  // zeros, which is what every counter and slot begins with
  if (memory == nullptr) return nullptr;
  return std::unique_ptr<ConnectionTable>{
      new ConnectionTable{static_cast<Shared*>(memory), size, slots, limits, events}};
}

ConnectionTable::ConnectionTable(Shared* shared, std::size_t size, std::uint32_t slots,
                                 Limits limits, ServerEvents& events) noexcept
    : shared_{shared}, size_{size}, slot_count_{slots}, limits_{limits}, events_{events} {}

ConnectionTable::~ConnectionTable() { sys::unmap_memory(shared_, size_); }

// Only those that were ever claimed: looking at a slot makes its page resident.
std::span<ConnectionTable::Slot> ConnectionTable::slots() const noexcept {
  return {std::launder(reinterpret_cast<Slot*>(shared_->slots)), shared_->used_slots.load()};
}

ConnectionTable::Slot* ConnectionTable::claim(const CompactAddress& peer) noexcept {
  Slot* const all = std::launder(reinterpret_cast<Slot*>(shared_->slots));
  const std::uint64_t mine = now_in_ticks() << kTimeShift | owner_word(sys::getpid());
  // There is a free one: no more are ever claimed than were counted into `open`.
  for (;;) {
    const std::uint32_t index = shared_->next_slot.fetch_add(1, kRelaxed) % slot_count_;
    raise_to(shared_->used_slots, index + 1);  // first: who looks for claimed ones must see it
    Slot& slot = all[index];
    std::uint64_t free = 0;
    if (slot.holder.load(kRelaxed) != 0 ||
        !slot.holder.compare_exchange_strong(free, mine, std::memory_order_acquire))
      continue;  // acquire: whoever had it before has done with it
    CompactAddress copy = peer;
    copy_words(slot.peer, copy);
    return &slot;
  }
}

ConnectionInfo* ConnectionTable::admit(const net::SocketAddress& peer,
                                       Transport transport) noexcept {
  const CompactAddress from = detail::compact(peer, transport);
  std::uint64_t open = shared_->open.load(kRelaxed);
  do {
    if (open < limits_.total) continue;
    refuse(detail::expand(from), Refusal::max_connections);
    return nullptr;
  } while (!shared_->open.compare_exchange_weak(open, open + 1, kRelaxed));
  Slot* const slot = claim(from);
  if (!is_within_address_limit(from)) {
    release(*slot);
    refuse(detail::expand(from), Refusal::max_per_address);
    return nullptr;
  }
  slot->id = 0;  // it may be refused yet
  return slot;
}

void ConnectionTable::serving(ConnectionInfo& connection) noexcept {
  Slot& slot = static_cast<Slot&>(connection);
  slot.holder.fetch_or(kServed);
  count(shared_->connections);
  raise_to(shared_->most, shared_->served.fetch_add(1) + 1);
  slot.id = shared_->ids.fetch_add(1, kRelaxed) + 1;
  events_.arrived({slot.id, detail::expand(slot.peer), 0, 0, 0, {}});
}

// Our own slot is claimed already and counts: of two peers that race, none gets past the limit.
bool ConnectionTable::is_within_address_limit(const CompactAddress& peer) const noexcept {
  if (limits_.per_address == ~0U || (limits_.exempts_local && is_local(peer))) return true;
  const auto same = [&peer](Slot& slot) {
    return slot.holder.load(kRelaxed) != 0 && has_bytes_of(slot.peer, peer);
  };
  return std::ranges::count_if(slots(), same) <= limits_.per_address;
}

void ConnectionTable::message(ConnectionInfo& connection, ByteView bytes) noexcept {
  events_.message(
      {connection.id, detail::expand(connection.peer), connection.received.load(kRelaxed),
       connection.sent.load(kRelaxed), connection.messages.load(kRelaxed),
       age_of(static_cast<Slot&>(connection).holder.load(kRelaxed))},
      bytes);
}

void ConnectionTable::datagram(const detail::DatagramSide& socket, const Endpoint& sender,
                               ByteView bytes) noexcept {
  events_.datagram({datagrams_->next_number(), sender.address(), socket.local.address()}, bytes);
}

void ConnectionTable::departed(ConnectionInfo& connection, Errc last) noexcept {
  depart(static_cast<Slot&>(connection), departure_after(last));
}

void ConnectionTable::depart(Slot& slot, Departure how) noexcept {
  // From here on nobody kicks it any more. One that had to be buried may be moving already.
  const std::uint64_t holder = slot.holder.fetch_or(kMoving);
  forget_kick(holder);
  if ((holder & kKicked) != 0 && how != Departure::killed) how = Departure::kicked;
  const ConnectionView view{slot.id,
                            detail::expand(slot.peer),
                            slot.received.load(kRelaxed),
                            slot.sent.load(kRelaxed),
                            slot.messages.load(kRelaxed),
                            age_of(holder)};
  if (how == Departure::timed_out) count(shared_->timed_out);
  if (how == Departure::reset) count(shared_->reset);
  if (how == Departure::cut) count(shared_->cut);
  if (how == Departure::killed) count(shared_->killed);
  if (how == Departure::kicked) count(shared_->kicked);
  count(shared_->received, view.bytes_received);
  count(shared_->sent, view.bytes_sent);
  count(shared_->messages, view.messages);
  clear_counts(slot);
  shared_->moves_done.fetch_add(1);
  slot.holder.fetch_xor(kMoving | kMoved);
  events_.departed(view, how);
  release(slot);
  count(shared_->departures);
}

void ConnectionTable::release(ConnectionInfo& connection) noexcept {
  connection.id.store(0, kRelaxed);  // else it would name the next one, until that has its own
  const std::uint64_t holder =
      static_cast<Slot&>(connection).holder.exchange(0, std::memory_order_release);
  if ((holder & kServed) != 0) shared_->served.fetch_sub(1);
  // Release: who sees that it has left may go on with what its service has written.
  shared_->open.fetch_sub(1, std::memory_order_release);
}

void ConnectionTable::give(ConnectionInfo& connection, pid_t from, pid_t to) noexcept {
  std::atomic<std::uint64_t>& holder = static_cast<Slot&>(connection).holder;
  std::uint64_t seen = holder.load(kRelaxed);
  while ((seen & (kOwner | kMoving | kMoved)) == owner_word(from) &&
         !holder.compare_exchange_weak(seen, (seen & ~kOwner) | owner_word(to))) {
  }
}

void ConnectionTable::bury(ConnectionInfo& connection, pid_t owner, Departure how) noexcept {
  bury(static_cast<Slot&>(connection), owner, how);
}

void ConnectionTable::bury_all(pid_t owner, Departure how) noexcept {
  for (Slot& slot : slots()) bury(slot, owner, how);
}

// Nobody else writes to the slot of a process that is dead.
void ConnectionTable::bury(Slot& slot, pid_t owner, Departure how) noexcept {
  const std::uint64_t holder = slot.holder.load(std::memory_order_acquire);
  if ((holder & kOwner) != owner_word(owner)) return;
  if ((holder & kMoved) != 0) return release(slot);  // all was done but this
  if ((holder & kServed) == 0) return turn_away(slot, Refusal::out_of_resources);
  if ((holder & kMoving) != 0) {
    clear_counts(slot);  // rather missing than counted twice
  }
  depart(slot, how);
}

void ConnectionTable::turn_away(ConnectionInfo& connection, Refusal why) noexcept {
  const Address peer = detail::expand(connection.peer);
  forget_kick(static_cast<Slot&>(connection).holder.fetch_or(kMoving));
  release(connection);
  refuse(peer, why);
}

void ConnectionTable::refuse(const Address& peer, Refusal why) noexcept {
  count(shared_->refused);
  events_.refused(peer, why);
}

// A departing connection's bytes stand in its slot or in the totals, never in both and never in
// neither: whoever reads while they are moved sees that its slot is moving, or that a move was
// done meanwhile, and reads again.
Statistics ConnectionTable::statistics() const noexcept {
  constexpr int kAtOnce = 20;
  constexpr int kTries = 500;  // a child that died in the middle is buried long before
  for (int tries = 0;; ++tries) {
    if (tries > kAtOnce) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    const std::uint64_t done = shared_->moves_done.load();
    bool moving = false;
    Statistics now = read_once(moving);
    if (datagrams_ != nullptr) now.datagrams = datagrams_->totals();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((!moving && shared_->moves_done.load() == done) || tries == kTries) return now;
  }
}

Statistics ConnectionTable::read_once(bool& moving) const noexcept {
  Statistics now{.connections = shared_->connections.load(kRelaxed),
                 .open = shared_->served.load(kRelaxed),
                 .most_at_once = shared_->most.load(kRelaxed),
                 .bytes_received = shared_->received.load(kRelaxed),
                 .bytes_sent = shared_->sent.load(kRelaxed),
                 .messages = shared_->messages.load(kRelaxed),
                 .refused = shared_->refused.load(kRelaxed),
                 .timed_out = shared_->timed_out.load(kRelaxed),
                 .reset = shared_->reset.load(kRelaxed),
                 .cut = shared_->cut.load(kRelaxed),
                 .killed = shared_->killed.load(kRelaxed),
                 .kicked = shared_->kicked.load(kRelaxed),
                 .running = sys::steady_now() - started_};
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the totals first
  for (const Slot& slot : slots()) {
    now.bytes_received += slot.received.load(kRelaxed);
    now.bytes_sent += slot.sent.load(kRelaxed);
    now.messages += slot.messages.load(kRelaxed);
    if ((slot.holder.load() & kMoving) != 0) moving = true;
  }
  return now;
}

std::uint64_t ConnectionTable::open() const noexcept {
  return shared_->open.load(std::memory_order_acquire);
}

std::uint64_t ConnectionTable::departures() const noexcept {
  return shared_->departures.load(kRelaxed);
}

}  // namespace headrace::models
