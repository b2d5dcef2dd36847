// SPDX-License-Identifier: MIT
//
// How blocking launchers accept: one poll(2) on all listeners, the ways to stop and the statistics
// timer, so that several addresses, signals and statistics need no thread of their own.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "models/server.hpp"

namespace headrace::models {

/// A connection that was let in.
struct Accepted {
  net::Socket socket;
  Transport transport;
  detail::ConnectionInfo* info;
};

class Acceptor {
 public:
  /// `poke` is one more descriptor that `next` looks at, or -1.
  Acceptor(Server& server, int poke);

  /// The next connection, or nothing: the server is to stop, or `poke` is readable.
  std::optional<Accepted> next();

  /// A connection that is queued already, without waiting; nothing when the queues are empty. For
  /// the drain.
  std::optional<Accepted> next_queued();

  /// Closes the listeners: from now on peers are refused by the kernel.
  void close() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<Accepted> accept_from(Door& door);
  void after_error(const Door& door, int error);
  void tell_statistics();
  [[nodiscard]] int time_to_wait() const noexcept;

  Server& server_;
  std::vector<pollfd> entries_;  // the doors, then the ways to stop, then the poke
  std::size_t next_door_ = 0;    // in turn, so that no door starves another
  std::optional<Clock::time_point> paused_until_;
  std::optional<Clock::time_point> pause_told_;
  std::uint64_t departures_at_pause_ = 0;
  Clock::time_point next_statistics_;
};

}  // namespace headrace::models
