// SPDX-License-Identifier: MIT
//
// One client at a time, on the thread that called serve(): accept, serve to the end, accept the
// next. Whoever connects meanwhile waits in the backlog, and what they send waits in their socket.
// Nothing is shared, nothing can starve but everybody behind a client that stays.
//
// A signal interrupts the call that the thread sleeps in; as it may come just before the call
// begins, its handler starts a timer that repeats it. Not here: what a stop means to an operation
// (src/engines/blocking.cpp).
#include "engines/blocking.hpp"
#include "models/acceptor.hpp"

namespace headrace::models {

namespace {

/// Looks for a stop whenever an operation was interrupted.
class StopWatcher final : public detail::InterruptWatcher {
 public:
  StopWatcher(Server& server, detail::BlockingEngine& engine, Acceptor& acceptor) noexcept
      : server_{server}, engine_{engine}, acceptor_{acceptor} {}

  void interrupted() noexcept override {
    server_.stop.look();
    if (!server_.stop.begun()) return;
    begin_drain();
    if (server_.stop.cuts()) engine_.cut();
  }

  /// Nobody in the queue can be served in time behind the one who stays: they are told so at once.
  void begin_drain() noexcept {
    if (std::exchange(draining_, true)) return;
    server_.tell_draining();
    engine_.begin_drain(nullptr);
    for (int left = server_.backlog; left > 0; --left) {
      auto queued = acceptor_.next_queued();
      if (!queued) break;
      server_.table.turn_away(*queued->info, Refusal::draining);
    }
    acceptor_.close();
  }

 private:
  Server& server_;
  detail::BlockingEngine& engine_;
  Acceptor& acceptor_;
  bool draining_ = false;
};

void serve_one(Server& server, detail::BlockingEngine& engine, Accepted accepted) {
  auto socket = engine.adopt(std::move(accepted.socket), accepted.transport);
  if (!socket) return server.table.turn_away(*accepted.info, Refusal::out_of_resources);
  (*socket)->info = accepted.info;
  if (engine.wants_messages()) (*socket)->flags |= detail::SocketRecord::kWatched;
  engine.run(server.service.run(Stream{*socket}));
}

}  // namespace

void run_iterative(Server& server) {
  detail::BlockingEngine engine;
  engine.observe(&server.table, server.events.wants_messages());
  engine.set_idle_timeout(server.options.idle_timeout);
  Acceptor acceptor{server, -1};
  StopWatcher watcher{server, engine, acceptor};
  engine.set_watcher(&watcher);
  server.tell_listening();
  while (!server.stop.begun())
    if (auto accepted = acceptor.next()) serve_one(server, engine, std::move(*accepted));
  watcher.begin_drain();
}

}  // namespace headrace::models
