// SPDX-License-Identifier: MIT
//
// The textbook way: recv(2) and send(2) return when they are done, and the thread sleeps in the
// kernel meanwhile. No coroutine ever suspends here, so the body of a service *is* the textbook
// loop.
//
// A deadline is SO_RCVTIMEO or SO_SNDTIMEO, set once and again only for a shorter one: a poll(2)
// before each receive would cost 5 to 10%. A thread that sleeps in a call is woken by a signal
// (SIGURG, whose handler leaves a mark) after a sticky flag was set; as the signal may come just
// before the call begins, it is repeated until the call has returned. TimeLimit: a thread, or a
// process, for every connection. Not here: further tasks of a connection (blocking_threads.cpp);
// who makes the threads (src/models).
#include "engines/blocking.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "engines/blocking_limit.hpp"
#include "engines/datagram_side.hpp"

namespace headrace::detail {

namespace {

constexpr std::int64_t kNone = TimeLimit::kNone;
constexpr std::int64_t kSecond = 1'000'000'000;

// Whether SIGURG has come to this thread: a call that has bytes at once is not interrupted by it.
[[gnu::tls_model("initial-exec")]] thread_local volatile std::sig_atomic_t signaled = 0;

void note_signal(int) { signaled = 1; }

// Once a process: without a handler the signal would be ignored and interrupt nothing.
bool install_handler() noexcept {
  struct sigaction action{};
  action.sa_handler = note_signal;  // no SA_RESTART: the interrupted call returns EINTR
  return ::sigaction(SIGURG, &action, nullptr) == 0;
}

// The kernel counts its timeouts in ticks and may be one tick early.
std::int64_t tick() noexcept {
  timespec resolution{};
  (void)::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);  // cannot fail for this clock
  return resolution.tv_nsec;
}

}  // namespace

BlockingEngine::BlockingEngine() noexcept {
  static const bool installed = install_handler();
  (void)installed;
}

BlockingEngine::~BlockingEngine() {
  for (Thread& thread : threads_)
    (void)sys::join_thread(thread.id);  // all have ended: their scopes were joined
}

// An operation: describe it, let go of the lock, make the call, take its answer.

bool BlockingEngine::start(Operation& operation) noexcept {
  operation.task = current_;
  if (operation.type->wait == WaitFor::wake) return start_wait(static_cast<WaitNode&>(operation));
  SocketRecord& socket = *operation.socket;
  TimeLimit limit{operation, socket, operation.type->may_idle_out ? idle_ : kNone};
  const bool ends_in_drain = operation.type->ends_in_drain;
  // A send may be done in parts, and only its whole is to keep the deadline.
  if (operation.type->wait == WaitFor::writable) limit.start_clock();
  for (std::int64_t answer = 0;;) {
    if (answer == -EINTR || take_signal()) [[unlikely]] {
      interrupted();
      shut_if_kicked(socket);
    }
    if (gives_up(operation)) {
      note_failure(socket, Errc::canceled);
      finish(operation, {operation.type->call, 0, Errc::canceled});
      return true;
    }
    const bool draining = ends_in_drain && phase_.load(std::memory_order_relaxed) != Phase::running;
    socket.receive_flags = draining ? MSG_DONTWAIT : 0;
    answer = carry_out(operation, socket, limit);
    const Verdict verdict = operation.type->absorb(operation, socket, answer);
    if (verdict == Verdict::finished) return true;
    if (verdict == Verdict::would_wait && draining) {
      finish(operation, {operation.type->call, 0, Errc::draining});
      return true;
    }
    if (limit.passed(socket, verdict == Verdict::would_wait && answer != -EINTR)) {
      note_failure(socket, Errc::timed_out);
      finish(operation, {operation.type->call, 0, Errc::timed_out});
      return true;
    }
  }
}

bool BlockingEngine::take_signal() noexcept {
  if (signaled == 0) return false;
  signaled = 0;
  return true;
}

bool BlockingEngine::gives_up(const Operation& operation) const noexcept {
  return canceled(*operation.task).load(std::memory_order_relaxed) ||
         phase_.load(std::memory_order_relaxed) == Phase::cut;
}

void BlockingEngine::interrupted() noexcept {
  // Threads of further tasks are interrupted too, but only the engine's own asks what for, and
  // passes the signal on: one to a process reaches no other thread.
  if (::pthread_equal(runner_, ::pthread_self()) == 0) return;
  if (watcher_ != nullptr) watcher_->interrupted();
  if (shared_) interrupt();
}

std::int64_t BlockingEngine::carry_out(Operation& operation, SocketRecord& socket,
                                       TimeLimit& limit) noexcept {
  Submission request;
  operation.type->describe(operation, socket, request);
  if (request.call == Submission::Call::recv || request.call == Submission::Call::recvmsg) {
    operation.lease.block = buffers.take();
    if (operation.lease.block == nullptr) return -ENOMEM;
  }
  if (request.call != Submission::Call::poll) set_kernel_limit(socket, operation.type->wait, limit);
  const Pause pause{*this, operation};
  if (gives_up(operation)) return -EINTR;
  switch (request.call) {
    case Submission::Call::recv:
      return sys::recv(request.descriptor, BufferPool::bytes_in(operation.lease.block),
                       request.length, request.flags);
    case Submission::Call::send:
      return sys::send(request.descriptor, request.address, request.length, request.flags);
    case Submission::Call::accept:
      return sys::accept4(request.descriptor, nullptr, nullptr, request.flags);
    case Submission::Call::connect:
      return sys::connect(request.descriptor, static_cast<const sockaddr*>(request.address),
                          static_cast<socklen_t>(request.length));
    case Submission::Call::poll:
      return poll_once(request, limit.wanted());
    case Submission::Call::recvmsg:
      return receive_datagram(request.descriptor, operation.lease.block, request.flags,
                              *socket.datagram);
    case Submission::Call::sendmsg:
      return send_datagram(request.descriptor, *static_cast<const Outgoing*>(request.address),
                           request.flags, *socket.datagram);
    case Submission::Call::none:
      break;
  }
  return -ENOSYS;
}

std::int64_t BlockingEngine::poll_once(const Submission& request, std::int64_t limit) noexcept {
  pollfd entry{request.descriptor, static_cast<short>(request.flags), 0};
  constexpr std::int64_t kLongest = 1'000'000;  // milliseconds; then it is asked again
  const std::int64_t timeout_ms =
      limit == kNone ? -1 : std::min(kLongest, (limit + 999'999) / 1'000'000);
  const int answer = sys::poll(&entry, 1, static_cast<int>(timeout_ms));
  if (answer == 0) return -EAGAIN;
  return answer < 0 ? answer : entry.revents;
}

void BlockingEngine::set_kernel_limit(SocketRecord& socket, WaitFor direction,
                                      TimeLimit& limit) noexcept {
  const std::int64_t wanted = limit.wanted();
  std::int64_t& current = socket.kernel_limit[static_cast<std::size_t>(direction)];
  if (wanted == kNone || current == wanted) return;
  if (current != kNone && current < wanted) return limit.distrust_kernel();
  static const std::int64_t kTick = tick();
  const std::int64_t asked = wanted + kTick;
  const timeval time{asked / kSecond, asked % kSecond / 1000};
  const int name = direction == WaitFor::readable ? SO_RCVTIMEO : SO_SNDTIMEO;
  const int answer = sys::setsockopt(socket.descriptor, SOL_SOCKET, name, &time, sizeof time);
  if (answer == 0)
    current = wanted;  // it only fails for descriptors that the operation will fail on as well
}

void BlockingEngine::begin_drain(TaskScope*) noexcept {
  phase_.store(Phase::draining, std::memory_order_relaxed);
}

void BlockingEngine::cut() noexcept { phase_.store(Phase::cut, std::memory_order_relaxed); }

Result<std::unique_ptr<EngineCore>> make_blocking_engine() {
  return std::make_unique<BlockingEngine>();
}

}  // namespace headrace::detail
