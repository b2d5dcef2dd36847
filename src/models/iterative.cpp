// SPDX-License-Identifier: MIT
//
// One client at a time, on the thread that called serve(): accept, serve to the end, accept the next. Whoever connects
// meanwhile waits in the backlog, and what they send waits in their socket. Nothing is shared, nothing can starve but
// everybody behind a client that stays.
//
// A signal interrupts the call that the thread sleeps in; as it may come just before the call begins, its handler starts
// a timer that repeats it. Not here: what a stop means to an operation (src/engines/blocking.cpp).
#include "engines/blocking.hpp"
#include "models/acceptor.hpp"

namespace headrace::models {

namespace {

/// Looks for a stop whenever an operation was interrupted.
class StopWatcher final : public detail::InterruptWatcher {
 public:
  StopWatcher(Server& server, detail::BlockingEngine& engine) noexcept : server_{server}, engine_{engine} {}

  void interrupted() noexcept override {
    server_.stop.look();
    if (!server_.stop.begun()) return;
    server_.tell_draining();
    engine_.begin_drain(nullptr);
    if (server_.stop.cuts()) engine_.cut();
  }

 private:
  Server& server_;
  detail::BlockingEngine& engine_;
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
  StopWatcher watcher{server, engine};
  engine.set_watcher(&watcher);
  Acceptor acceptor{server, -1};
  server.tell_listening();
  while (!server.stop.begun())
    if (auto accepted = acceptor.next()) serve_one(server, engine, std::move(*accepted));
  server.tell_draining();
  // Nobody in the queue can be served in time behind the one who stayed: they are told so at once.
  for (int left = server.backlog; left > 0; --left) {
    auto queued = acceptor.next_queued();
    if (!queued) break;
    server.table.turn_away(*queued->info, Refusal::draining);
  }
  acceptor.close();
}

}  // namespace headrace::models
