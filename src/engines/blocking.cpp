// SPDX-License-Identifier: MIT
//
// The textbook way: recv(2) and send(2) return when they are done, and the thread sleeps in the
// kernel meanwhile. No coroutine ever suspends here, so the body of a service *is* the textbook
// loop.
//
// A deadline is SO_RCVTIMEO or SO_SNDTIMEO, set once and again only for a shorter one: a poll(2)
// before each receive would cost 5 to 10%. A thread that sleeps in a call is woken by a signal
// (SIGURG, whose handler does nothing) after a sticky flag was set; as the signal may come just
// before the call begins, it is repeated until the call has returned. Second tasks of a connection
// are threads of their own, one of which runs at a time. Limit: a thread, or a process, for every
// connection. Not here: who makes them (src/models).
#include "engines/blocking.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "engines/timer_wheel.hpp"

namespace headrace::detail {

namespace {

constexpr std::int64_t kNone = 0;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kRepeat =
    5'000'000;  // between two signals to a thread that has not seen the first

void do_nothing(int) {}

// Once a process: without a handler the signal would be ignored and interrupt nothing.
bool install_handler() noexcept {
  struct sigaction action{};
  action.sa_handler = do_nothing;  // no SA_RESTART: the interrupted call returns EINTR
  return ::sigaction(SIGURG, &action, nullptr) == 0;
}

// The kernel counts its timeouts in ticks and may be one tick early.
std::int64_t tick() noexcept {
  timespec resolution{};
  (void)::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);  // cannot fail for this clock
  return resolution.tv_nsec;
}

}  // namespace

/// Lets the other tasks of the connection run while an operation is inside the kernel.
class BlockingEngine::Pause {
 public:
  Pause(BlockingEngine& engine, const Operation& operation) noexcept
      : engine_{engine}, task_{operation.task} {
    if (!engine_.shared_) return;
    const bool cancelable =
        operation.type->wait != WaitFor::wake || operation.type->abandon != nullptr;
    task_->in_kernel.store(cancelable);  // before the last look at `canceled`: see cancel()
    engine_.turn_.unlock();
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() {
    if (!engine_.shared_) return;
    task_->in_kernel.store(false);
    engine_.turn_.lock();
    engine_.current_ = task_;
  }

 private:
  BlockingEngine& engine_;
  TaskState* task_;
};

/// How long an operation may still take. Reads the clock only when something has come in between.
class BlockingEngine::Limit {
 public:
  Limit(const Operation& operation, const SocketRecord& socket, std::int64_t idle) noexcept
      : idle_{operation.deadline.is_never()}, moved_{bytes_moved(socket)} {
    const std::int64_t given = operation.deadline.resolve({}).time_since_epoch().count();
    if (operation.deadline.is_absolute()) {
      expires_ = given;
      wanted_ = std::max(std::int64_t{1}, given - sys::monotonic_ns());
    } else {
      wanted_ = idle_ ? idle : std::max(std::int64_t{1}, given);
    }
    total_ = wanted_;
  }

  /// What the kernel is to be asked for, in ns; kNone for no limit.
  [[nodiscard]] std::int64_t wanted() const noexcept { return wanted_; }

  /// The kernel's own limit is shorter: that it has passed will prove nothing.
  void distrust_kernel() noexcept {
    if (expires_ == kNone) expires_ = sys::monotonic_ns() + wanted_;
  }

  /// From here on the time counts as a whole, whatever is done meanwhile.
  void start_clock() noexcept {
    if (total_ != kNone && !idle_ && expires_ == kNone) expires_ = sys::monotonic_ns() + wanted_;
  }

  /// The kernel's limit has `expired`, or something else has come in between: is it over?
  bool passed(const SocketRecord& socket, bool expired) noexcept {
    if (total_ == kNone) return false;
    if (idle_ && bytes_moved(socket) != moved_) {
      moved_ = bytes_moved(socket);
      expires_ = kNone;
      wanted_ = total_;
      return false;
    }
    if (expires_ == kNone && (expired || idle_)) return expired;
    distrust_kernel();
    const std::int64_t left = expires_ - sys::monotonic_ns();
    wanted_ = std::max(std::int64_t{1}, left);
    return left <= 0;
  }

 private:
  bool idle_;  // the deadline is the engine's: any byte on the socket begins it anew
  std::uint64_t moved_;
  std::int64_t total_ = kNone;
  std::int64_t wanted_ = kNone;
  std::int64_t expires_ = kNone;
};

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
  Limit limit{operation, socket, operation.type->may_idle_out ? idle_ : kNone};
  const bool ends_in_drain = operation.type->ends_in_drain;
  // A send may be done in parts, and only its whole is to keep the deadline.
  if (operation.type->wait == WaitFor::writable) limit.start_clock();
  for (;;) {
    if (gives_up(operation)) {
      note_failure(socket, Errc::canceled);
      finish(operation, {operation.type->call, 0, Errc::canceled});
      return true;
    }
    const bool draining = ends_in_drain && phase_.load(std::memory_order_relaxed) != Phase::running;
    socket.receive_flags = draining ? MSG_DONTWAIT : 0;
    const std::int64_t answer = carry_out(operation, socket, limit);
    const Verdict verdict = operation.type->absorb(operation, socket, answer);
    if (verdict == Verdict::finished) return true;
    if (verdict == Verdict::would_wait && draining) {
      finish(operation, {operation.type->call, 0, Errc::draining});
      return true;
    }
    if (answer == -EINTR) interrupted();
    if (limit.passed(socket, verdict == Verdict::would_wait && answer != -EINTR)) {
      note_failure(socket, Errc::timed_out);
      finish(operation, {operation.type->call, 0, Errc::timed_out});
      return true;
    }
  }
}

bool BlockingEngine::gives_up(const Operation& operation) const noexcept {
  return operation.task->canceled.load(std::memory_order_relaxed) ||
         phase_.load(std::memory_order_relaxed) == Phase::cut;
}

void BlockingEngine::interrupted() noexcept {
  // Threads of further tasks are interrupted too, but only the engine's own asks what for.
  if (watcher_ != nullptr && ::pthread_equal(runner_, ::pthread_self()) != 0)
    watcher_->interrupted();
}

std::int64_t BlockingEngine::carry_out(Operation& operation, SocketRecord& socket,
                                       Limit& limit) noexcept {
  Submission request;
  operation.type->describe(operation, socket, request);
  if (request.call == Submission::Call::recv) {
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
                                      Limit& limit) noexcept {
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

// Waiting for a wake: join, sleep, Channel. The word slept on is the operation's own state.

bool BlockingEngine::start_wait(WaitNode& node) noexcept {
  node.state.store(WaitNode::waiting, std::memory_order_relaxed);
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
  while (node.state.load(std::memory_order_acquire) != WaitNode::woken) {
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
  node.state.store(WaitNode::woken, std::memory_order_release);
  // The node may be gone by now; a wake for an address that nobody sleeps on does nothing.
  (void)sys::futex_wake(&node.state, 1);
}

// The flag may have come too late for the thread to see it and the signal too early to interrupt
// its call: so the signal is repeated until the thread is out of the kernel. It then waits for our
// turn to end.
void BlockingEngine::cancel(TaskState& task) noexcept {
  if (task.canceled.exchange(true)) return;
  while (task.in_kernel.load()) {
    interrupt();
    constexpr timespec kMoment{0, 100'000};
    const std::uint32_t never_woken = 0;
    (void)sys::futex_wait(&never_woken, 0, &kMoment);  // a pause: EINTR and ETIMEDOUT are alike
  }
}

void BlockingEngine::begin_drain(TaskScope*) noexcept {
  phase_.store(Phase::draining, std::memory_order_relaxed);
}

void BlockingEngine::cut() noexcept { phase_.store(Phase::cut, std::memory_order_relaxed); }

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

// Sockets come and go.

Result<SocketRecord*> BlockingEngine::adopt(net::Socket socket, Transport transport) noexcept {
  auto record = make_record(socket.descriptor(), transport);
  if (!record) return record;
  (void)socket.release();  // the record's now
  (*record)->kernel_limit = {kNone, kNone};
  return record;
}

Result<SocketRecord*> BlockingEngine::borrow(int descriptor) noexcept {
  auto record = adopt(net::Socket{}, Transport::unix_stream);
  if (!record) return record;
  (*record)->descriptor = descriptor;
  (*record)->flags |= SocketRecord::kBorrowed;
  return record;
}

void BlockingEngine::close(SocketRecord& socket) noexcept {
  const Phase phase = phase_.load(std::memory_order_relaxed);
  if (phase == Phase::cut) note_failure(socket, Errc::canceled);
  if (phase == Phase::draining && socket.info->id != 0) linger_in_line(socket);
  end_record(socket);
  records_.give(socket);
  buffers.trim();
}

// Our side is shut; what still comes is thrown away until the peer's FIN or the final cut, so that
// nothing is unread when the socket is closed, which would reset the connection under the reply.
void BlockingEngine::linger_in_line(SocketRecord& socket) noexcept {
  BufferBlock* const block = buffers.take();
  if (block == nullptr || sys::shutdown(socket.descriptor, SHUT_WR) < 0) {
    if (block != nullptr) buffers.give(block);
    return;
  }
  while (phase_.load(std::memory_order_relaxed) != Phase::cut) {
    const auto answer =
        sys::recv(socket.descriptor, BufferPool::bytes_in(block), BufferPool::kCapacity, 0);
    if (answer == -EINTR)
      interrupted();
    else if (answer <= 0 && answer != -EAGAIN)
      break;
  }
  buffers.give(block);
}

Result<std::unique_ptr<EngineCore>> make_blocking_engine() {
  return std::make_unique<BlockingEngine>();
}

}  // namespace headrace::detail
