// SPDX-License-Identifier: MIT
//
// A process for each client: accept(2), fork(2), and the child serves the one peer with a blocking
// engine while the parent accepts the next. Nothing but the counts is shared: a child that crashes
// takes one client with it. What it costs is the fork and the memory of a process. Limit:
// processes, and a client for whom none can be made is refused.
//
// The parent never has a second thread: a child would inherit the locks that it holds. A stop is
// written to memory that the children share, and each is then signalled until it has seen it, since
// a signal may come just before the call that it is to interrupt. Not here: what a child must not
// inherit, and how its end is noticed (children.cpp).
#include "models/children.hpp"

namespace headrace::models {

namespace {

class ProcessPerConnection {
 public:
  ProcessPerConnection(Server& server, Children children) noexcept
      : server_{server}, children_{std::move(children)} {}

  void run() {
    Acceptor acceptor{server_, children_.descriptor()};
    server_.tell_listening();
    while (!server_.stop.begun()) {
      if (auto accepted = acceptor.next(children_.next_look()))
        serve_in_child(server_, children_, std::move(*accepted), {});
      if (server_.table.has_kicks()) children_.urge(server_);
      reap();
    }
    server_.tell_draining();
    acceptor.take_queued_and_close(
        [this](Accepted late) { serve_in_child(server_, children_, std::move(late), {}); });
    for (; children_.count() != 0; reap()) {
      children_.urge(server_);
      acceptor.wait_a_moment();
    }
  }

 private:
  // A child that has ended by itself has left its place. One that was killed has not.
  void reap() {
    children_.reap([this](const Children::End& end) {
      server_.table.bury(*end.connection, end.child,
                         server_.cuts() ? Departure::cut : Departure::killed);
    });
  }

  Server& server_;
  Children children_;
};

}  // namespace

void serve_in_child(Server& server, Children& children, Accepted accepted,
                    std::span<Accepted> others) {
  const pid_t parent = sys::getpid();
  net::HeldSignals held;
  const auto child = children.fork(held, accepted.info);
  if (!child) return server.table.turn_away(*accepted.info, Refusal::out_of_resources);
  const pid_t owner = *child == 0 ? sys::getpid() : *child;
  server.table.give(*accepted.info, parent, owner);
  if (*child > 0) return;
  for (Door& door : server.doors) door.sockets.clear();
  for (Accepted& other : others) const net::Socket closed{std::move(other.socket)};
  ChildServer self{server, held};
  self.serve(std::move(accepted));
  ChildServer::leave(0);
}

void run_process_per_connection(Server& server) {
  auto children = Children::make();
  if (!children) return server.fail("", children.error());
  ProcessPerConnection{server, std::move(*children)}.run();
}

}  // namespace headrace::models
