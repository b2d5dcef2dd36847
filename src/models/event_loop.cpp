// SPDX-License-Identifier: MIT
//
// One thread for many clients: every connection is a task on the engine of its worker, and so are
// the acceptors, the signals and the statistics. With several workers each has a thread, an engine
// and a listener of its own (the kernel spreads TCP connections over them); Unix listeners cannot
// be joined, so workers share one.
//
// Worker 0 runs on the thread that called serve(). Limit: a service that computes for long holds up
// its whole worker.
#include <cerrno>
#include <deque>

#include "headrace/channel.hpp"
#include "headrace/task_scope.hpp"
#include "models/server_control.hpp"
#include "net/accept_errors.hpp"

namespace headrace::models {

namespace {

using namespace std::chrono_literals;

struct Nothing {};

struct Loops;

struct Worker {
  Loops& loops;
  Server& server;
  unsigned index;
  std::unique_ptr<detail::EngineCore> engine{};
  pthread_t thread{};
  bool has_thread = false;
  std::unique_ptr<Channel<Nothing>> kicks{};  // where commands are taken: somebody is to be closed
};

/// What the workers tell each other.
struct Loops {
  Server& server;
  Channel<Nothing> drain_begins{1};  // closed when it does: everybody who waits is woken
  Channel<Nothing> cut_begins{1};
  Channel<Nothing> ended{1};     // a worker has ended
  Channel<Nothing> turn{1};      // of a service that serves one client at a time
  std::deque<Worker> workers{};  // each stays where it is
};

// Accepting.

/// Waits out a lack of descriptors or memory: until a connection has left, but asks again every 100
/// ms.
Task<> pause_accepting(Worker& worker, const Failure& failure, Deadline::TimePoint& told) {
  const auto now = sys::steady_now();
  if (now >= told + 1s) {
    told = now;
    worker.server.events.accept_paused(failure);
  }
  const std::uint64_t departures = worker.server.table.departures();
  for (int waited = 0; waited < 2 && worker.server.table.departures() == departures; ++waited)
    (void)co_await worker.engine->sleep(Deadline::after(50ms));  // 20 wakes a second, no more
}

// One client after another: the next is not accepted before the present one has left, at whichever
// door it waits.

Task<> serve_in_turn(Loops& loops, Stream peer) {
  co_await loops.server.service.run(std::move(peer));
  (void)loops.turn.try_send({});  // there is room: it was taken out
}

/// Waits for a client at `door` and for the turn to serve it; false when there is none any more.
Task<bool> take_turn(Loops& loops, Worker& worker, const net::Socket& door) {
  const auto ready = co_await worker.engine->wait_ready(door.descriptor(), Direction::readable);
  if (!ready) co_return false;
  const auto turn = co_await loops.turn.receive(*worker.engine);
  co_return turn.has_value();
}

/// Runs the service for `peer` as a task of its own.
Result<> start_serving(Loops& loops, TaskScope& connections, Stream peer, bool in_turn) {
  if (in_turn) return connections.spawn(serve_in_turn(loops, std::move(peer)));
  return connections.spawn(loops.server.service.run(std::move(peer)));
}

/// `door` is another descriptor of the listener, if clients are to be served in turn.
Task<> accept_at(Loops& loops, Worker& worker, TaskScope& connections, Listener listener,
                 net::Socket door) {
  Server& server = worker.server;
  const bool in_turn = door.is_open();
  const Deadline deadline = in_turn ? Deadline::after(0ns) : Deadline::never();
  Deadline::TimePoint told{};
  int late = 0;  // accepted since the drain began: no more than can have been queued then
  for (;;) {
    if (in_turn) {
      const bool taken = co_await take_turn(loops, worker, door);
      if (!taken) co_return turn_away_queued(server, door, listener.address().transport());
    }
    auto peer = co_await listener.accept(deadline);
    if (peer) {
      if (!start_serving(loops, connections, std::move(*peer), in_turn)) co_return;
      if (server.stop.begun() && ++late > server.backlog) co_return;
      continue;
    }
    if (in_turn) (void)loops.turn.try_send({});  // there is room: it was taken out
    const Failure& failure = peer.error();
    if (failure.code == Errc::timed_out) continue;  // it has left again
    if (failure.code == Errc::draining || failure.code == Errc::canceled) co_return;
    if (net::after_accept_error(failure.error) == net::AfterAcceptError::pause &&
        !server.stop.begun()) {
      co_await pause_accepting(worker, failure, told);
      continue;
    }
    if (!server.stop.begun()) server.fail(AddressText{listener.address()}, failure);
    loops.drain_begins.close();
    co_return;
  }
}

/// At all doors, until the drain; or until the services have had enough, which ends the server.
Task<> receive_datagrams(Loops& loops, Worker& worker) {
  co_await serve_datagrams(worker.server, *worker.engine, worker.index);
  if (worker.server.stop.begun()) loops.drain_begins.close();
}

Result<Listener> take_listener(Worker& worker, Door& door) {
  const std::size_t own = std::min<std::size_t>(worker.index, door.sockets.size() - 1);
  const auto transport = door.address.transport();
  auto socket = worker.engine->adopt(std::move(door.sockets[own]), transport);
  if (!socket) return std::unexpected(socket.error());
  (*socket)->flags |= detail::SocketRecord::kServing;
  return Listener{*socket};
}

// Stopping.

Task<> watch_stops(Loops& loops, Worker& worker, int descriptor) {
  Stop& stop = loops.server.stop;
  for (;;) {
    const auto ready = co_await worker.engine->wait_ready(descriptor, Direction::readable);
    if (!ready && ready.error().code == Errc::canceled) co_return;
    // Out of memory, say: whoever stops the server must be heard all the same.
    if (!ready && !co_await worker.engine->sleep(Deadline::after(100ms))) co_return;
    stop.look();
    if (stop.begun()) loops.drain_begins.close();
    if (stop.cuts()) loops.cut_begins.close();
  }
}

// Commands. Worker 0 takes them; each closes its own connections.

Task<> close_kicked(Worker& worker) {
  for (;;) {
    const auto called = co_await worker.kicks->receive(*worker.engine);
    if (!called) co_return;
    worker.engine->shut_kicked();
  }
}

Task<> watch_control(Loops& loops, Worker& worker) {
  Server& server = loops.server;
  while (server.control->descriptor() >= 0) {
    const auto ready =
        co_await worker.engine->wait_ready(server.control->descriptor(), Direction::readable);
    if (!ready && ready.error().code == Errc::canceled) co_return;
    if (!ready && !co_await worker.engine->sleep(Deadline::after(100ms))) co_return;
    if (ready) server.control->look();
    if (server.stop.begun()) loops.drain_begins.close();
    if (server.stop.cuts()) loops.cut_begins.close();
    if (server.table.has_kicks())
      for (const Worker& other : loops.workers) (void)other.kicks->try_send({});  // one is enough
  }
}

Task<> tell_statistics(Worker& worker) {
  Server& server = worker.server;
  while (co_await worker.engine->sleep(server.options.statistics_every))
    server.events.statistics(server.table.statistics());
}

/// Cuts what is left of the connections when the drain's time is over or somebody has lost
/// patience.
Task<> cut_later(Loops& loops, Worker& worker, TaskScope& connections) {
  const auto called = co_await loops.cut_begins.receive(
      *worker.engine, Deadline::at(loops.server.stop.drain_ends()));
  if (called.error().code == Errc::canceled) co_return;
  worker.engine->cut();
  connections.cancel();
}

Task<> drain(Loops& loops, Worker& worker, TaskScope& acceptors, TaskScope& connections) {
  worker.engine->begin_drain(&connections);
  if (loops.server.service.concurrency == Concurrency::one) acceptors.cancel();
  co_await acceptors.join();
  TaskScope cutter{*worker.engine};
  if (!cutter.spawn(cut_later(loops, worker, connections))) connections.cancel();
  co_await connections.join();
  cutter.cancel();
  co_await cutter.join();
}

/// Worker 0 watches for everybody, so it stays until all have ended.
Task<> run_watchers(Loops& loops, Worker& worker, TaskScope& watchers) {
  bool watching = true;
  for (const int descriptor : loops.server.stop.descriptors())
    if (descriptor >= 0)
      watching = watching && watchers.spawn(watch_stops(loops, worker, descriptor));
  if (!loops.server.options.statistics_every.is_never())
    watching = watching && watchers.spawn(tell_statistics(worker));
  if (loops.server.control != nullptr)
    watching = watching && watchers.spawn(watch_control(loops, worker));
  if (!watching) loops.server.fail("", {"spawn", 0, Errc::out_of_memory});
  co_return;
}

Task<> run_worker(Loops& loops, Worker& worker) {
  Server& server = loops.server;
  TaskScope acceptors{*worker.engine};
  TaskScope connections{*worker.engine};
  TaskScope watchers{*worker.engine};
  const bool in_turn = server.service.concurrency == Concurrency::one;
  for (Door& door : server.doors) {
    net::Socket copy{in_turn ? sys::duplicate(door.sockets[0].descriptor()) : -1};
    auto listener = take_listener(worker, door);
    if (!listener || copy.is_open() != in_turn ||
        !acceptors.spawn(
            accept_at(loops, worker, connections, std::move(*listener), std::move(copy))))
      server.fail(AddressText{door.address}, listener ? Failure{} : listener.error());
  }
  if (!server.datagrams.empty() && !connections.spawn(receive_datagrams(loops, worker)))
    server.fail("", {"spawn", 0, Errc::out_of_memory});
  (void)loops.turn.try_send({});  // the first one's
  if (worker.kicks != nullptr && !watchers.spawn(close_kicked(worker)))
    server.fail("", {"spawn", 0, Errc::out_of_memory});
  if (worker.index == 0) co_await run_watchers(loops, worker, watchers);
  if (server.stop.begun()) loops.drain_begins.close();
  (void)co_await loops.drain_begins.receive(*worker.engine);
  if (worker.index == 0) server.tell_draining();
  co_await drain(loops, worker, acceptors, connections);
  if (worker.index != 0) {
    (void)co_await loops.ended.send(*worker.engine, Nothing{});
  } else {
    for (const Worker& other : loops.workers)
      if (other.has_thread) (void)co_await loops.ended.receive(*worker.engine);
  }
  watchers.cancel();
  co_await watchers.join();
}

// Threads.

void* run_thread(void* argument) noexcept {
  auto& worker = *static_cast<Worker*>(argument);
  worker.engine->run(run_worker(worker.loops, worker));
  return nullptr;
}

bool make_engines(Loops& loops) {
  for (unsigned index = 0; index < loops.server.workers; ++index) {
    auto engine = detail::make_engine(loops.server.model.engine);
    if (!engine) {
      loops.server.fail("", engine.error());
      return false;
    }
    (*engine)->observe(&loops.server.table, loops.server.events.wants_messages());
    (*engine)->set_idle_timeout(loops.server.options.idle_timeout);
    Worker& worker = loops.workers.emplace_back(loops, loops.server, index, std::move(*engine));
    if (loops.server.control != nullptr) worker.kicks = std::make_unique<Channel<Nothing>>(1);
  }
  return true;
}

void start_threads(Loops& loops) {
  for (Worker& worker : loops.workers) {
    if (worker.index == 0) continue;
    worker.has_thread = true;
    const int answer = sys::create_thread(&worker.thread, run_thread, &worker);
    if (answer == 0) continue;
    worker.has_thread = false;
    return loops.server.fail("", Failure::from_errno("pthread_create", -answer));
  }
}

}  // namespace

void run_event_loops(Server& server) {
  Loops loops{server};
  if (!make_engines(loops)) return;
  start_threads(loops);
  if (!server.stop.begun()) server.tell_listening();
  loops.workers[0].engine->run(run_worker(loops, loops.workers[0]));
  for (const Worker& worker : loops.workers)
    if (worker.has_thread) (void)sys::join_thread(worker.thread);  // it has ended its task
}

}  // namespace headrace::models
