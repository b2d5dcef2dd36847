// SPDX-License-Identifier: MIT
//
// How blocking launchers accept: one poll(2) on all listeners, the ways to stop and the statistics
// timer, so that several addresses, signals and statistics need no thread of their own. And how a
// connection that was let in is served on a blocking engine.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "engines/blocking.hpp"
#include "models/server.hpp"

namespace headrace::models {

/// A connection that was let in.
struct Accepted {
  net::Socket socket;
  Transport transport;
  detail::ConnectionInfo* info;
};

/// Gives `engine` what it needs to know of the server.
void prepare(detail::BlockingEngine& engine, const Server& server) noexcept;

/// Runs the service for one peer to its end, on this thread.
void serve_peer(Server& server, detail::BlockingEngine& engine, Accepted accepted);

class Acceptor {
 public:
  using Clock = std::chrono::steady_clock;

  /// `poke` is one more descriptor that `next` looks at, or -1.
  Acceptor(Server& server, int poke);

  /// The next connection, or nothing: the server is to stop, `poke` is readable, `limit` has come,
  /// or somebody is kicked and still there: whoever serves him is to be interrupted.
  std::optional<Accepted> next(Clock::time_point limit = Clock::time_point::max());

  /// A connection that is queued already, without waiting; nothing when the queues are empty. For
  /// the drain.
  std::optional<Accepted> next_queued();

  /// Does all that `next` does but accepting: waits for a stop, for `poke` or until `limit`; no
  /// more than a moment while somebody is kicked and still there.
  void wait(Clock::time_point limit = Clock::time_point::max());

  /// Gives everybody in the queues to `take`, at most as many as the backlog; then closes the
  /// listeners. Closing first would reset those whom the kernel has let in. Where clients are taken
  /// one at a time they are turned away instead: they would wait for one who is to stay.
  template <class Take>
  void take_queued_and_close(Take take) {
    for (int left = server_.backlog; left > 0; --left) {
      auto queued = next_queued();
      if (!queued) break;
      if (server_.takes_one() && server_.table.open() > 1)
        server_.table.turn_away(*queued->info, Refusal::draining);  // not in time behind another
      else
        take(std::move(*queued));
    }
    close();
  }

  /// Closes the listeners: from now on peers are refused by the kernel, also where children hold
  /// the listeners too.
  void close() noexcept;

  /// A moment (5 ms), or less if there is a stop or a poke: for drains, which repeat a signal.
  void wait_a_moment();

 private:
  std::optional<Accepted> accept_from(Door& door);
  void after_error(const Door& door, int error);
  void tell_statistics();
  int poll_from(std::size_t first, Clock::time_point limit);
  [[nodiscard]] int time_until(Clock::time_point limit) const noexcept;

  Server& server_;
  std::vector<pollfd> entries_;  // the doors, the ways to stop, the commands, the poke
  std::size_t next_door_ = 0;    // in turn, so that no door starves another
  std::optional<Clock::time_point> paused_until_;
  std::optional<Clock::time_point> pause_told_;
  std::uint64_t departures_at_pause_ = 0;
  Clock::time_point next_statistics_;
};

}  // namespace headrace::models
