// SPDX-License-Identifier: MIT
//
// Every connection of a server, and its counts, in memory that children share: a slot each, with
// the process that owns it. Admission (the limits) is decided here, for every model alike.
//
// Thread-safe without a lock: a slot is claimed by one atomic exchange and then written by its
// owner alone.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "engines/socket_record.hpp"
#include "headrace/control.hpp"
#include "headrace/events.hpp"
#include "models/datagram_table.hpp"

namespace headrace::models {

/// What connections may be had at once; ~0 for no limit.
struct Limits {
  std::uint32_t total;
  std::uint32_t per_address;
  bool exempts_local;  // loopback and Unix peers are not counted by address
};

class ConnectionTable final : public detail::ConnectionObserver {
 public:
  /// Null when the memory cannot be had.
  static std::unique_ptr<ConnectionTable> make(Limits limits, ServerEvents& events);
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;
  ~ConnectionTable() override;

  detail::ConnectionInfo* admit(const net::SocketAddress& peer,
                                Transport transport) noexcept override;
  void serving(detail::ConnectionInfo& connection) noexcept override;
  void message(detail::ConnectionInfo& connection, ByteView bytes) noexcept override;
  void datagram(const detail::DatagramSide& socket, const Endpoint& sender,
                ByteView bytes) noexcept override;
  void departed(detail::ConnectionInfo& connection, Errc last) noexcept override;
  /// Datagrams are told and counted, too. Borrows the table.
  void count_datagrams(const DatagramTable& datagrams) noexcept { datagrams_ = &datagrams; }

  void unserved(detail::ConnectionInfo& connection, Errc why) noexcept override {
    turn_away(connection, why == Errc::too_many_descriptors ? Refusal::descriptor_limit
                                                            : Refusal::out_of_resources);
  }

  /// A peer that was admitted but cannot be served after all: it counts as refused, not as a
  /// connection.
  void turn_away(detail::ConnectionInfo& connection, Refusal why) noexcept;
  /// A peer that is not let in.
  void refuse(const Address& peer, Refusal why) noexcept;

  /// A connection goes over to a child. To be said by both processes, whichever comes first, so
  /// that neither a child that is killed at once nor one that is done at once leaves its place
  /// behind.
  void give(detail::ConnectionInfo& connection, pid_t from, pid_t to) noexcept;
  /// `owner` has ended; if `connection` is still its own, it ended with it.
  void bury(detail::ConnectionInfo& connection, pid_t owner, Departure how) noexcept;
  /// The same for whatever it owned: looks at every slot.
  void bury_all(pid_t owner, Departure how) noexcept;

  /// Marks a connection to be closed by its owner, who must be made to look; false when none of
  /// that id is open.
  bool kick(std::uint64_t id) noexcept;
  [[nodiscard]] bool is_kicked(const detail::ConnectionInfo& connection) const noexcept override;
  /// There are some that are marked and still open: owners that block must be interrupted.
  [[nodiscard]] bool has_kicks() const noexcept;
  void list(Control::Visit visit, void* visitor) const;

  [[nodiscard]] Statistics statistics() const noexcept;
  [[nodiscard]] std::uint64_t open() const noexcept;

  /// Counts departures, so that an acceptor out of descriptors can tell that one may have come
  /// back.
  [[nodiscard]] std::uint64_t departures() const noexcept;

 private:
  struct Slot;
  struct Shared;

  ConnectionTable(Shared* shared, std::size_t size, std::uint32_t slots, Limits limits,
                  ServerEvents& events) noexcept;
  [[nodiscard]] std::span<Slot> slots() const noexcept;
  Slot* claim(const detail::CompactAddress& peer) noexcept;
  void release(detail::ConnectionInfo& connection) noexcept;
  void forget_kick(std::uint64_t holder) noexcept;
  void depart(Slot& slot, Departure how) noexcept;
  void bury(Slot& slot, pid_t owner, Departure how) noexcept;
  [[nodiscard]] Statistics read_once(bool& moving) const noexcept;
  [[nodiscard]] bool is_within_address_limit(const detail::CompactAddress& peer) const noexcept;

  Shared* shared_;
  std::size_t size_;
  std::uint32_t slot_count_;
  Limits limits_;
  ServerEvents& events_;
  const DatagramTable* datagrams_ = nullptr;
  std::chrono::steady_clock::time_point started_ = sys::steady_now();
};

}  // namespace headrace::models
