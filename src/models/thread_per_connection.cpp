// SPDX-License-Identifier: MIT
//
// A thread for each client, with a blocking engine of its own. The kernel's scheduler is the event
// loop; a client that stays, or is slow, holds up nobody else. What it costs is a stack, a context
// switch a message, and the creation. Limit: threads, and a client whose thread cannot be created
// is refused. Nothing is detached: the accepting thread joins each one when it has ended.
#include <cerrno>
#include <list>

#include <sys/eventfd.h>

#include "engines/blocking.hpp"
#include "models/acceptor.hpp"

namespace headrace::models {

namespace {

class ThreadPerConnection {
 public:
  ThreadPerConnection(Server& server, net::Socket poke) noexcept
      : server_{server}, poke_{std::move(poke)} {}

  void run() {
    Acceptor acceptor{server_, poke_.descriptor()};
    server_.tell_listening();
    while (!server_.stop.begun()) {
      if (auto accepted = acceptor.next()) serve(std::move(*accepted));
      interrupt_kicked();
      join_finished();
    }
    server_.tell_draining();
    // Who is in the queue has been let in by the kernel; closing the listener now would reset them.
    acceptor.take_queued_and_close([this](Accepted late) { serve(std::move(late)); });
    drain(acceptor);
  }

 private:
  struct Connection {
    ThreadPerConnection& owner;
    Accepted accepted;
    detail::BlockingEngine engine{};
    pthread_t thread{};
    std::atomic<bool> finished = false;
  };

  void serve(Accepted accepted) {
    Connection& connection = connections_.emplace_back(*this, std::move(accepted));
    prepare(connection.engine, server_);
    if (sys::create_thread(&connection.thread, run_thread, &connection) == 0) return;
    server_.table.turn_away(*connection.accepted.info, Refusal::out_of_resources);
    connections_.pop_back();
  }

  static void* run_thread(void* argument) noexcept {
    auto& connection = *static_cast<Connection*>(argument);
    ThreadPerConnection& owner = connection.owner;
    serve_peer(owner.server_, connection.engine, std::move(connection.accepted));
    connection.finished.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    (void)sys::write(owner.poke_.descriptor(), &one,
                     sizeof one);  // EAGAIN: it has been poked enough
    return nullptr;
  }

  void join_finished() {
    std::uint64_t pokes = 0;
    (void)sys::read(poke_.descriptor(), &pokes, sizeof pokes);  // EAGAIN: nobody has
    std::erase_if(connections_, [](Connection& connection) {
      if (!connection.finished.load(std::memory_order_acquire)) return false;
      (void)sys::join_thread(connection.thread);  // it has nothing left to do
      return true;
    });
  }

  // Repeated until they have left.
  void interrupt_kicked() {
    if (!server_.table.has_kicks()) return;
    for (Connection& connection : connections_)
      if (server_.table.is_kicked(*connection.accepted.info)) connection.engine.interrupt();
  }

  // Each thread finds the flag when its call returns; the signal is repeated because it may come
  // before the call.
  void drain(Acceptor& acceptor) {
    for (Connection& connection : connections_) connection.engine.begin_drain(nullptr);
    for (bool cut = false; !connections_.empty(); join_finished()) {
      if (!cut && server_.stop.cuts()) {
        cut = true;
        for (Connection& connection : connections_) connection.engine.cut();
      }
      for (Connection& connection : connections_) connection.engine.interrupt();
      acceptor.wait_a_moment();
    }
  }

  Server& server_;
  net::Socket poke_;  // an eventfd(2) that ending threads write to
  std::list<Connection> connections_;
};

}  // namespace

void run_thread_per_connection(Server& server) {
  const int poke = sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (poke < 0) return server.fail("", Failure::from_errno("eventfd", -poke));
  ThreadPerConnection{server, net::Socket{poke}}.run();
}

}  // namespace headrace::models
