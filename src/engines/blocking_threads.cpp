// SPDX-License-Identifier: MIT
//
// More than one task on a blocking engine: a thread each, of which one runs at a time, and how they
// wait for one another (join, sleep, Channel: futex(2) on the operation's own state) and are
// stopped. Not here: the system calls of a socket (blocking.cpp).
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "engines/blocking.hpp"
#include "engines/timer_wheel.hpp"

namespace headrace::detail {

namespace {
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kRepeat =
    5'000'000;  // ns, between two signals to a thread that has not seen the first
}  // namespace

// Waiting for a wake: join, sleep, Channel. The word slept on is the operation's own state.

bool BlockingEngine::start_wait(WaitNode& node) noexcept {
  state(node).store(WaitNode::waiting, std::memory_order_relaxed);
  if (node.type->abandon != nullptr && gives_up(node)) {
    finish(node, {node.type->call, 0, Errc::canceled});
    return true;
  }
  if (node.type->attempt(node, *node.socket) == Verdict::finished) return true;
  const auto expires =
      node.deadline.resolve(Deadline::TimePoint{Deadline::Duration{sys::monotonic_ns()}})
          .time_since_epoch()
          .count();
  const Pause pause{*this, node};
  while (state(node).load(std::memory_order_acquire) != WaitNode::woken) {
    const std::int64_t left =
        expires == TimerWheel::kNever ? kSecond : expires - sys::monotonic_ns();
    if (node.type->abandon == nullptr) {
      join_threads(node);
    } else if (const bool canceled = gives_up(node);
               (canceled || left <= 0) && node.type->abandon(node)) {
      if (!canceled && node.type->done_at_deadline)
        finish(node);
      else
        finish(node, {node.type->call, 0, canceled ? Errc::canceled : Errc::timed_out});
      return true;
    } else {
      wait_for_wake(node, left > 0 ? left : kRepeat);  // abandoned too late: the wake is on its way
    }
  }
  return true;
}

// When the server stops, a signal is repeated to the thread that runs the engine; it passes it on
// to those it waits for.
void BlockingEngine::join_threads(WaitNode& node) noexcept {
  const bool stopping = phase_.load(std::memory_order_relaxed) != Phase::running;
  if (stopping) interrupt();
  wait_for_wake(node, stopping ? kRepeat : kSecond);
}

void BlockingEngine::wait_for_wake(WaitNode& node, std::int64_t limit) noexcept {
  const timespec time{limit / kSecond, limit % kSecond};
  if (sys::futex_wait(&node.state, WaitNode::waiting, &time) == -EINTR) interrupted();
}

void BlockingEngine::wake(WaitNode& node) noexcept {
  state(node).store(WaitNode::woken, std::memory_order_release);
  // The node may be gone by now; a wake for an address that nobody sleeps on does nothing.
  (void)sys::futex_wake(&node.state, 1);
}

// The flag may have come too late for the thread to see it and the signal too early to interrupt
// its call: so the signal is repeated until the thread is out of the kernel. It then waits for our
// turn to end.
void BlockingEngine::cancel(TaskState& task) noexcept {
  if (canceled(task).exchange(true)) return;
  while (in_kernel(task).load()) {
    interrupt();
    constexpr timespec kMoment{0, 100'000};
    const std::uint32_t never_woken = 0;
    (void)sys::futex_wait(&never_woken, 0, &kMoment);  // a pause: EINTR and ETIMEDOUT are alike
  }
}

// Threads: the one that runs the engine, and one for each further task.

void BlockingEngine::interrupt() noexcept {
  const std::lock_guard lock{threads_mutex_};
  if (has_runner_ && ::pthread_equal(runner_, ::pthread_self()) == 0)
    (void)sys::signal_thread(runner_, SIGURG);
  for (const Thread& thread : threads_)
    if (!thread.finished && ::pthread_equal(thread.id, ::pthread_self()) == 0)
      (void)sys::signal_thread(thread.id, SIGURG);  // it may be ending just now
}

Result<> BlockingEngine::launch(TaskState& task, std::coroutine_handle<> frame) noexcept {
  if (std::exchange(starts_in_line_, false)) {
    current_ = &task;
    frame.resume();
    return {};
  }
  reap_finished();
  if (!shared_) shared_ = true;  // by the only task there has been; others read it without the lock
  const std::lock_guard lock{threads_mutex_};
  Thread& thread = threads_.emplace_back(this, &task, frame);
  const int answer = sys::create_thread(&thread.id, run_thread, &thread);
  if (answer == 0) return {};
  threads_.pop_back();
  // EAGAIN: a limit on threads, or no memory for a stack; to the caller that is the same.
  return std::unexpected(Failure{"pthread_create", -answer, Errc::out_of_memory});
}

void* BlockingEngine::run_thread(void* argument) noexcept {
  auto& thread = *static_cast<Thread*>(argument);
  BlockingEngine& engine = *thread.engine;
  {
    const std::lock_guard turn{engine.turn_};
    engine.current_ = thread.task;
    thread.frame.resume();  // to its end: nothing suspends here
  }
  const std::lock_guard lock{engine.threads_mutex_};
  thread.finished = true;
  return nullptr;
}

void BlockingEngine::reap_finished() noexcept {
  std::list<Thread> finished;
  {
    const std::lock_guard lock{threads_mutex_};
    for (auto at = threads_.begin(); at != threads_.end();) {
      const auto here = at++;
      if (here->finished) finished.splice(finished.end(), threads_, here);
    }
  }
  for (const Thread& thread : finished)
    (void)sys::join_thread(thread.id);  // it has nothing left to do
}

void BlockingEngine::set_runner(bool runs) noexcept {
  const std::lock_guard lock{threads_mutex_};
  runner_ = ::pthread_self();
  has_runner_ = runs;
}

void BlockingEngine::run_to_end(TaskScope& scope, Task<> task) noexcept {
  set_runner(true);
  {
    const std::lock_guard turn{turn_};
    starts_in_line_ = true;
    (void)scope.spawn(std::move(task));  // runs it to its end; a new scope takes any task
  }
  set_runner(false);
}

}  // namespace headrace::detail
