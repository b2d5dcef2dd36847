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
    acceptor_.take_queued_and_close(
        [this](Accepted late) { server_.table.turn_away(*late.info, Refusal::draining); });
  }

 private:
  Server& server_;
  detail::BlockingEngine& engine_;
  Acceptor& acceptor_;
  bool draining_ = false;
};

}  // namespace

void run_iterative(Server& server) {
  detail::BlockingEngine engine;
  prepare(engine, server);
  Acceptor acceptor{server, -1};
  StopWatcher watcher{server, engine, acceptor};
  engine.set_watcher(&watcher);
  server.tell_listening();
  while (!server.stop.begun())
    if (auto accepted = acceptor.next()) serve_peer(server, engine, std::move(*accepted));
  watcher.begin_drain();
}

}  // namespace headrace::models
