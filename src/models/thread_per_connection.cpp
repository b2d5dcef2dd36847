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
      join_finished();
    }
    server_.tell_draining();
    // Who is in the queue has been let in by the kernel; closing the listener now would reset them.
    for (int left = server_.backlog; left > 0; --left) {
      auto queued = acceptor.next_queued();
      if (!queued) break;
      if (server_.service.concurrency == Concurrency::one && !connections_.empty())
        server_.table.turn_away(*queued->info, Refusal::draining);
      else
        serve(std::move(*queued));
    }
    acceptor.close();
    drain();
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
    connection.engine.observe(&server_.table, server_.events.wants_messages());
    connection.engine.set_idle_timeout(server_.options.idle_timeout);
    if (sys::create_thread(&connection.thread, run_thread, &connection) == 0) return;
    server_.table.turn_away(*connection.accepted.info, Refusal::out_of_resources);
    connections_.pop_back();
  }

  static void* run_thread(void* argument) noexcept {
    auto& connection = *static_cast<Connection*>(argument);
    ThreadPerConnection& owner = connection.owner;
    serve_peer(connection);
    connection.finished.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    (void)sys::write(owner.poke_.descriptor(), &one,
                     sizeof one);  // EAGAIN: it has been poked enough
    return nullptr;
  }

  static void serve_peer(Connection& connection) noexcept {
    auto& [owner, accepted, engine, thread, finished] = connection;
    auto socket = engine.adopt(std::move(accepted.socket), accepted.transport);
    if (!socket) return owner.server_.table.turn_away(*accepted.info, Refusal::out_of_resources);
    (*socket)->info = accepted.info;
    if (engine.wants_messages()) (*socket)->flags |= detail::SocketRecord::kWatched;
    engine.run(owner.server_.service.run(Stream{*socket}));
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

  // Each thread finds the flag when its call returns; the signal is repeated because it may come
  // before the call.
  void drain() {
    for (Connection& connection : connections_) connection.engine.begin_drain(nullptr);
    for (bool cut = false; !connections_.empty(); join_finished()) {
      if (!cut && server_.stop.cuts()) {
        cut = true;
        for (Connection& connection : connections_) connection.engine.cut();
      }
      for (Connection& connection : connections_) connection.engine.interrupt();
      wait_a_little();
      server_.stop.look();
    }
  }

  void wait_a_little() {
    const auto& stops = server_.stop.descriptors();
    std::array<pollfd, 3> entries{
        {{poke_.descriptor(), POLLIN, 0}, {stops[0], POLLIN, 0}, {stops[1], POLLIN, 0}}};
    (void)sys::poll(entries.data(), entries.size(), 5);  // ms
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
