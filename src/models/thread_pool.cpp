// SPDX-License-Identifier: MIT
//
// A fixed number of threads, each with a blocking engine. A client holds its thread until it
// closes. The thread that called serve() accepts, but only while a thread is free: the others wait
// in the backlog, where they cost nothing. No thread is made while clients come and go, and no
// crowd of clients can make more of them. Limit: as many clients at once as there are threads; one
// that stays, stays in the way.
//
// At a stop everybody in the queue is accepted, since closing the listener would reset them, and
// served as threads become free, within the drain.
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>

#include <sys/eventfd.h>

#include "models/acceptor.hpp"

namespace headrace::models {

namespace {

class ThreadPool {
 public:
  ThreadPool(Server& server, net::Socket poke) noexcept : server_{server}, poke_{std::move(poke)} {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void run() {
    Acceptor acceptor{server_, poke_.descriptor()};
    start_threads();
    if (!server_.stop.begun()) server_.tell_listening();
    while (!server_.stop.begun()) {
      if (free_.load() == 0)
        acceptor.wait();
      else if (auto accepted = acceptor.next())
        serve_at_once(std::move(*accepted));
      if (server_.table.has_kicks())
        for (Worker& worker : workers_) worker.engine.interrupt();
      take_pokes();
    }
    server_.tell_draining();
    acceptor.take_queued_and_close([this](Accepted late) { hand_over(std::move(late)); });
    drain(acceptor);
  }

 private:
  struct Worker {
    ThreadPool& owner;
    unsigned index;
    bool for_datagrams;
    detail::BlockingEngine engine{};
    pthread_t thread{};
  };

  void start_threads() {
    const unsigned for_datagrams = datagram_workers(server_);
    for (unsigned index = 0; index < server_.workers; ++index) {
      Worker& worker = workers_.emplace_back(*this, index, index < for_datagrams);
      prepare(worker.engine, server_);
      ++at_work_;
      const int answer = sys::create_thread(&worker.thread, run_thread, &worker);
      if (answer == 0) continue;
      --at_work_;
      workers_.pop_back();
      return server_.fail("", Failure::from_errno("pthread_create", -answer));
    }
    free_ = server_.workers - for_datagrams;
  }

  void serve_at_once(Accepted accepted) {
    --free_;
    hand_over(std::move(accepted));
  }

  void hand_over(Accepted accepted) {
    {
      const std::lock_guard lock{mutex_};
      waiting_.push_back(std::move(accepted));
    }
    come_.notify_one();
  }

  // A thread.

  static void* run_thread(void* argument) noexcept {
    auto& worker = *static_cast<Worker*>(argument);
    ThreadPool& owner = worker.owner;
    if (worker.for_datagrams) {
      worker.engine.run(serve_datagrams(owner.server_, worker.engine, worker.index));
      owner.poke();
    }
    while (auto accepted = owner.next()) {
      serve_peer(owner.server_, worker.engine, std::move(*accepted));
      // The accepting thread waits for this only when nobody was free.
      if (owner.free_.fetch_add(1) == 0) owner.poke();
    }
    --owner.at_work_;
    owner.poke();
    return nullptr;
  }

  /// The next connection; nothing when there will be no more.
  std::optional<Accepted> next() {
    std::unique_lock lock{mutex_};
    come_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return std::nullopt;
    Accepted first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }

  void poke() const noexcept {
    const std::uint64_t one = 1;
    (void)sys::write(poke_.descriptor(), &one, sizeof one);  // EAGAIN: poked often enough
  }

  void take_pokes() const noexcept {
    std::uint64_t pokes = 0;
    (void)sys::read(poke_.descriptor(), &pokes, sizeof pokes);  // EAGAIN: nobody has
  }

  // Stopping: each thread finds the flag when its call returns; the signal is repeated because it
  // may come before the call.
  void drain(Acceptor& acceptor) {
    for (Worker& worker : workers_) worker.engine.begin_drain(nullptr);
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    come_.notify_all();
    for (bool cut = false; at_work_.load() != 0; take_pokes()) {
      if (!cut && server_.stop.cuts()) {
        cut = true;
        cut_all();
      }
      for (Worker& worker : workers_) worker.engine.interrupt();
      acceptor.wait_a_moment();
    }
    for (const Worker& worker : workers_) (void)sys::join_thread(worker.thread);  // it has ended
  }

  void cut_all() {
    for (Worker& worker : workers_) worker.engine.cut();
    std::deque<Accepted> unserved;
    {
      const std::lock_guard lock{mutex_};
      unserved.swap(waiting_);
    }
    for (const Accepted& late : unserved) server_.table.turn_away(*late.info, Refusal::draining);
  }

  Server& server_;
  net::Socket poke_;  // an eventfd(2)
  std::list<Worker> workers_;
  std::atomic<unsigned> free_ = 0;     // threads without a client
  std::atomic<unsigned> at_work_ = 0;  // threads that have not ended

  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<Accepted> waiting_;
  bool closed_ = false;
};

}  // namespace

void run_thread_pool(Server& server) {
  const int poke = sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (poke < 0) return server.fail("", Failure::from_errno("eventfd", -poke));
  ThreadPool pool{server, net::Socket{poke}};
  pool.run();
}

}  // namespace headrace::models
