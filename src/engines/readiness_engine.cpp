// SPDX-License-Identifier: MIT
//
// Try, wait, try again. The path of a usual message is `start`, `park`, `on_ready`, `retry`,
// `resume`; everything that is rare stands apart from it.
#include "engines/readiness_engine.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace headrace::detail {

namespace {

constexpr std::uint8_t queued_flag(unsigned direction) noexcept {
  return direction == 0 ? SocketRecord::kQueuedRead : SocketRecord::kQueuedWrite;
}

unsigned direction_of(const Operation& operation) noexcept {
  return static_cast<unsigned>(operation.type->wait);
}

SocketRecord& owner_of(TimerNode& node) noexcept {
  return *reinterpret_cast<SocketRecord*>(reinterpret_cast<std::byte*>(&node) -
                                          offsetof(SocketRecord, timer));
}

std::int64_t due_at(const Deadline& absolute) noexcept {
  return absolute.resolve(Deadline::TimePoint{}).time_since_epoch().count();
}

Verdict empty_eventfd(Operation&, SocketRecord& socket) noexcept {
  std::uint64_t count = 0;
  (void)sys::read(socket.descriptor, &count,
                  sizeof count);  // EAGAIN: a wake from elsewhere was first
  return Verdict::would_wait;
}

const OperationType wake_up_operation{"eventfd",     WaitFor::readable, false,   false,   false,
                                      empty_eventfd, nullptr,           nullptr, nullptr, nullptr};

}  // namespace

ReadinessEngine::ReadinessEngine()
    : now_{sys::monotonic_ns()},
      socket_timers_{now_},
      wait_timers_{now_},
      wake_up_reading_{wake_up_operation, nullptr, Deadline::never()} {}

ReadinessEngine::~ReadinessEngine() { free_closed(); }

Result<> ReadinessEngine::prepare() noexcept {
  const int descriptor = sys::eventfd(0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return fail_errno("eventfd", -descriptor);
  wake_up_ = net::Socket{descriptor};
  const auto record = borrow(descriptor);
  if (!record) return std::unexpected(record.error());
  wake_up_reading_.socket = *record;
  (*record)->waiting[0] = &wake_up_reading_;
  return {};
}

// A usual message: start() a send, which finishes at once; start() a receive, which parks;
// on_ready() and resume().

bool ReadinessEngine::start(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  const unsigned direction = direction_of(operation);
  if (socket.ready[direction]) return operation.type->start(operation, socket);
  // While the server drains nothing is armed.
  const bool usual =
      socket.armed[direction] && operation.deadline.is_never() && socket.timer.due <= idle_due_;
  if (!usual) [[unlikely]]
    return park(operation);
  assert(socket.waiting[direction] == nullptr && "one receive and one send at a time");
  socket.waiting[direction] = &operation;
  operation.task = current_;
  current_->waiting = &operation;
  return false;
}

bool ReadinessEngine::not_yet(Operation& operation, Verdict verdict) noexcept {
  while (verdict == Verdict::progressed) {
    if (--budget_ < 0) return start_used_up(operation);
    verdict = operation.type->attempt(operation, *operation.socket);
  }
  return verdict == Verdict::finished || park(operation);
}

// The others' turn comes first. A cancelled task has no budget either, so that only this place need
// ask.
bool ReadinessEngine::start_used_up(Operation& operation) noexcept {
  operation.task = current_;
  const bool by_wake = operation.type->wait == WaitFor::wake;
  const bool cancelable = !by_wake || operation.type->abandon != nullptr;
  if (cancelable && current_->canceled.load(std::memory_order_relaxed)) {
    note_failure(*operation.socket, Errc::canceled);
    finish(operation, {operation.type->call, 0, Errc::canceled});
    return true;
  }
  if (!by_wake) {
    if (const auto waits = wait_on_socket(operation); !waits)
      return finish_now(operation, waits.error());
    enqueue(operation);
    return false;
  }
  auto& node = static_cast<WaitNode&>(operation);
  current_->waiting = &operation;
  node.state.store(WaitNode::waiting, std::memory_order_relaxed);
  if (operation.type->attempt(operation, *operation.socket) == Verdict::would_wait) {
    set_timer(node);
    return false;
  }
  current_->waiting = nullptr;  // it has finished: a cancel must not end it again
  wake(node);
  return false;
}

bool ReadinessEngine::park(Operation& operation) noexcept {
  operation.task = current_;
  if (operation.type->wait == WaitFor::wake) [[unlikely]] {
    current_->waiting = &operation;
    set_timer(static_cast<WaitNode&>(operation));
    return false;
  }
  if (phase_ != Phase::running && ends_in_drain(operation)) [[unlikely]] {
    // The hint may be older than the bytes: what the kernel has is still delivered.
    const Verdict verdict = operation.type->attempt(operation, *operation.socket);
    if (verdict == Verdict::finished) return true;
    if (verdict == Verdict::would_wait)
      return finish_now(operation, {operation.type->call, 0, Errc::draining});
    return not_yet(operation, verdict);
  }
  const auto waits = wait_on_socket(operation);
  return waits.has_value() ? false : finish_now(operation, waits.error());
}

bool ReadinessEngine::finish_now(Operation& operation, Failure failure) noexcept {
  note_failure(*operation.socket, failure.code);
  finish(operation, failure);
  return true;
}

bool ReadinessEngine::ends_in_drain(const Operation& operation) noexcept {
  return operation.type->ends_in_drain && (operation.socket->flags & SocketRecord::kLingering) == 0;
}

Result<> ReadinessEngine::wait_on_socket(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  const unsigned direction = direction_of(operation);
  if (!socket.armed[direction]) [[unlikely]]
    if (auto armed = arm(socket, operation.type->wait); !armed) return armed;
  if (phase_ != Phase::running) socket.armed = {};  // so that each wait comes to park()
  assert(socket.waiting[direction] == nullptr && "one receive and one send at a time");
  socket.waiting[direction] = &operation;
  current_->waiting = &operation;
  set_timer(socket, operation);
  return {};
}

void ReadinessEngine::retry(SocketRecord& socket, unsigned direction) noexcept {
  if ((socket.flags & queued_flag(direction)) != 0) return;  // will be looked at in its turn
  Operation& operation = *socket.waiting[direction];
  retry_after(socket, direction, operation.type->attempt(operation, socket));
}

void ReadinessEngine::retry_after(SocketRecord& socket, unsigned direction,
                                  Verdict verdict) noexcept {
  Operation& operation = *socket.waiting[direction];
  for (int tries = 1; verdict == Verdict::progressed && tries < kTurnBudget; ++tries) {
    socket.active_at = now_;
    verdict = operation.type->attempt(operation, socket);
  }
  if (verdict == Verdict::would_wait) return;
  if (verdict == Verdict::progressed) return enqueue(operation);
  socket.waiting[direction] = nullptr;
  resume(operation);
}

// Rarer ways to go on.

void ReadinessEngine::on_ready(SocketRecord& socket, unsigned ready) noexcept {
  for (unsigned direction = 0; direction < socket.waiting.size(); ++direction) {
    if ((ready & (1U << direction)) == 0) continue;
    socket.ready[direction] = true;
    if (socket.waiting[direction] != nullptr) retry(socket, direction);
  }
}

// The frame that holds `operation` may be gone when this returns.
void ReadinessEngine::resume(Operation& operation) noexcept {
  TaskState& task = *operation.task;
  current_ = &task;
  budget_ = task.canceled.load(std::memory_order_relaxed) ? 0 : kTurnBudget;
  std::coroutine_handle<>::from_address(operation.waiter).resume();
}

void ReadinessEngine::enqueue(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.flags = static_cast<std::uint8_t>(socket.flags | queued_flag(direction_of(operation)));
  operation.next = nullptr;
  *queue_end_ = &operation;
  queue_end_ = &operation.next;
}

void ReadinessEngine::look_again(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  const unsigned direction = direction_of(operation);
  socket.flags = static_cast<std::uint8_t>(socket.flags & ~queued_flag(direction));
  if (operation.task->canceled.load(std::memory_order_relaxed))
    return fail_waiting(socket, direction, Errc::canceled);
  retry(socket, direction);
  // Still the same wait: the operation is only gone if its waiter was resumed, and then it was
  // taken out.
  if (phase_ != Phase::running && socket.waiting[direction] == &operation &&
      ends_in_drain(operation) && (socket.flags & queued_flag(direction)) == 0)
    fail_waiting(socket, direction, Errc::draining);
}

void ReadinessEngine::fail_waiting(SocketRecord& socket, unsigned direction, Errc why) noexcept {
  Operation& operation = *socket.waiting[direction];
  socket.waiting[direction] = nullptr;
  note_failure(socket, why);
  finish(operation, {operation.type->call, 0, why});
  resume(operation);
}

void ReadinessEngine::cancel(TaskState& task) noexcept {
  if (task.canceled.exchange(true, std::memory_order_relaxed)) return;
  if (&task == current_) return void(budget_ = 0);
  Operation* const operation = task.waiting;
  if (operation == nullptr) return;  // it is the one that has launched us, and runs
  if (operation->type->wait != WaitFor::wake) {
    if ((operation->socket->flags & queued_flag(direction_of(*operation))) == 0)
      enqueue(*operation);
    return;
  }
  auto& node = static_cast<WaitNode&>(*operation);
  if (operation->type->abandon == nullptr || !operation->type->abandon(node)) return;
  if (TimerWheel::holds(node)) wait_timers_.leave(node);  // or it would end a second time
  finish(node, {operation->type->call, 0, Errc::canceled});
  wake(node);
}

void ReadinessEngine::wake(WaitNode& node) noexcept {
  WaitNode* head = woken_.load(std::memory_order_relaxed);
  do node.next_woken = head;
  while (!woken_.compare_exchange_weak(head, &node, std::memory_order_seq_cst,
                                       std::memory_order_relaxed));
  if (!asleep_.exchange(false, std::memory_order_seq_cst)) return;
  const std::uint64_t one = 1;
  (void)sys::write(wake_up_.descriptor(), &one, sizeof one);  // EAGAIN: it is awake already
}

Result<> ReadinessEngine::launch(TaskState& task, std::coroutine_handle<> frame) noexcept {
  TaskState* const parent = std::exchange(current_, &task);
  if (parent != nullptr) parent->waiting = nullptr;  // it runs: what it last waited in is past
  const int budget = std::exchange(budget_, kTurnBudget);
  frame.resume();
  current_ = parent;
  budget_ = parent != nullptr && parent->canceled.load(std::memory_order_relaxed) ? 0 : budget;
  return {};
}

void ReadinessEngine::begin_drain(TaskScope* lingering) noexcept {
  phase_ = Phase::draining;
  lingering_ = lingering;
  records_.for_each([this](SocketRecord& socket) {
    socket.armed = {};
    Operation* const operation = socket.waiting[0];
    if (operation != nullptr && ends_in_drain(*operation) &&
        (socket.flags & SocketRecord::kQueuedRead) == 0)
      enqueue(*operation);
  });
}

// Sockets come and go.

Result<SocketRecord*> ReadinessEngine::take_in(int descriptor, Transport transport,
                                               std::uint8_t flags) noexcept {
  auto record = make_record(descriptor, transport);
  if (!record) return record;
  SocketRecord& socket = **record;
  socket.flags = static_cast<std::uint8_t>(socket.flags | flags);
  socket.ready[1] = true;
  socket.active_at = now_;
  const auto watched = watch(socket);
  if (phase_ != Phase::running) socket.armed = {};
  if (watched) return record;
  records_.give(socket);
  return std::unexpected(watched.error());
}

Result<SocketRecord*> ReadinessEngine::adopt(net::Socket socket, Transport transport) noexcept {
  auto record = take_in(socket.descriptor(), transport, 0);
  if (record) (void)socket.release();  // the record's now
  return record;
}

Result<SocketRecord*> ReadinessEngine::borrow(int descriptor) noexcept {
  auto record = take_in(descriptor, Transport::unix_stream, SocketRecord::kBorrowed);
  if (record) (*record)->ready[0] = true;
  return record;
}

void ReadinessEngine::close(SocketRecord& socket) noexcept {
  assert(socket.waiting[0] == nullptr && socket.waiting[1] == nullptr &&
         "closed with an operation in flight");
  const bool lingers = phase_ == Phase::draining && lingering_ != nullptr &&
                       (socket.flags & (SocketRecord::kBorrowed | SocketRecord::kLingering)) == 0 &&
                       socket.info->id != 0;
  if (lingers) {
    socket.flags |= SocketRecord::kLingering;
    // Owns the record from here on; if it cannot be spawned any more, its Stream closes at once.
    if (lingering_->spawn(linger(socket))) return;
  }
  if (phase_ == Phase::cut) note_failure(socket, Errc::canceled);
  unwatch(socket);
  if (TimerWheel::holds(socket.timer)) socket_timers_.leave(socket.timer);
  end_record(socket);
  socket.next = closed_;
  closed_ = &socket;
}

void ReadinessEngine::free_closed() noexcept {
  while (closed_ != nullptr) {
    SocketRecord* const next = closed_->next;
    records_.give(*closed_);
    closed_ = next;
  }
}

// Timers. A record is looked at no later than its earliest deadline; that look finds out what has
// really passed.

void ReadinessEngine::read_clock() noexcept {
  now_ = sys::monotonic_ns();
  idle_due_ = idle_timeout_.is_never() ? TimerWheel::kNever : now_ + idle_;
}

void ReadinessEngine::set_timer(SocketRecord& socket, Operation& operation) noexcept {
  const bool idle = operation.deadline.is_never();
  if (idle && (idle_timeout_.is_never() || !operation.type->may_idle_out)) return;
  // Without timers nobody has read the clock; and a deadline of its own counts from now, not from
  // the start of the turn (docs/adr/0007-explicit-deadlines-read-the-clock.md).
  if (!idle || !has_timers()) read_clock();
  if (idle) {
    socket.active_at = now_;
  } else {
    operation.deadline =
        Deadline::at(operation.deadline.resolve(Deadline::TimePoint{Deadline::Duration{now_}}));
  }
  const std::int64_t due = idle ? idle_due_ : due_at(operation.deadline);
  if (due < socket.timer.due) socket_timers_.enter(socket.timer, due);
}

void ReadinessEngine::set_timer(WaitNode& node) noexcept {
  if (node.deadline.is_never()) return;
  read_clock();
  const auto passes = node.deadline.resolve(Deadline::TimePoint{Deadline::Duration{now_}});
  wait_timers_.enter(node, passes.time_since_epoch().count());
}

void ReadinessEngine::run_timers() noexcept {
  const std::int64_t now = now_;  // it moves on with each sleep that begins in here
  while (TimerNode* const node = socket_timers_.take_expired(now)) check_deadlines(owner_of(*node));
  // No more than there are: who sleeps again until a time that has passed waits for the next turn.
  for (std::size_t left = wait_timers_.size(); left != 0; --left) {
    TimerNode* const expired = wait_timers_.take_expired(now);
    if (expired == nullptr) break;
    WaitNode& node = static_cast<WaitNode&>(*expired);
    if (!node.type->abandon(node)) continue;  // the wake is on its way
    if (node.type->done_at_deadline)
      finish(node);
    else
      finish(node, {node.type->call, 0, Errc::timed_out});
    resume(node);
  }
}

void ReadinessEngine::check_deadlines(SocketRecord& socket) noexcept {
  std::int64_t next = TimerWheel::kNever;
  std::array<Operation*, 2> expired{};
  for (unsigned direction = 0; direction < expired.size(); ++direction) {
    Operation* const operation = socket.waiting[direction];
    if (operation == nullptr) continue;
    const bool idle = operation->deadline.is_never();
    if (idle && (idle_timeout_.is_never() || !operation->type->may_idle_out)) continue;
    const std::int64_t due = idle ? socket.active_at + idle_ : due_at(operation->deadline);
    const bool queued =
        (socket.flags & queued_flag(direction)) != 0;  // it is to have its look first
    if (due <= now_ && !queued)
      expired[direction] = operation;
    else
      next = std::min(next, std::max(due, now_ + 1));
  }
  if (next != TimerWheel::kNever) socket_timers_.enter(socket.timer, next);
  for (unsigned direction = 0; direction < expired.size(); ++direction)
    if (expired[direction] != nullptr && socket.waiting[direction] == expired[direction])
      try_for_the_last_time(socket, direction);
}

// Bytes may have come in this very turn; and a send buffer takes some long before the kernel calls
// it writable.
void ReadinessEngine::try_for_the_last_time(SocketRecord& socket, unsigned direction) noexcept {
  Operation& operation = *socket.waiting[direction];
  const Verdict verdict = operation.type->attempt(operation, socket);
  if (verdict == Verdict::finished) {
    socket.waiting[direction] = nullptr;
    return resume(operation);
  }
  if (verdict == Verdict::progressed && operation.deadline.is_never()) {
    socket.active_at = now_;
    socket_timers_.enter(socket.timer, std::min(socket.timer.due, idle_due_));
    return enqueue(operation);
  }
  fail_waiting(socket, direction, Errc::timed_out);
}

// One turn: wait, then everything that has become possible.

int ReadinessEngine::time_to_wait() const noexcept {
  if (queue_ != nullptr) return 0;
  const std::int64_t look = std::min(socket_timers_.next_look(), wait_timers_.next_look());
  if (look == TimerWheel::kNever) return -1;
  constexpr std::int64_t kMillisecond = 1'000'000;
  return static_cast<int>(std::clamp((look - now_ + kMillisecond - 1) / kMillisecond,
                                     std::int64_t{0}, std::int64_t{3'600'000}));
}

std::size_t ReadinessEngine::rest_after(int error, int timeout_ms) noexcept {
  constexpr int kRest = 10;
  // With no entry poll(2) needs no memory.
  if (error != EINTR && timeout_ms != 0) (void)sys::poll(nullptr, 0, kRest);
  return 0;
}

void ReadinessEngine::turn() noexcept {
  int timeout_ms = time_to_wait();
  if (timeout_ms != 0) {
    // Either a wake sees that we sleep and writes to the eventfd, or we see what it has left.
    asleep_.store(true, std::memory_order_seq_cst);
    if (woken_.load(std::memory_order_seq_cst) != nullptr) timeout_ms = 0;
  }
  wait(timeout_ms);
  asleep_.store(false, std::memory_order_relaxed);
  if (has_timers()) read_clock();
  dispatch();
  run_queue();
  run_woken();
  if (has_timers()) run_timers();
  free_closed();
  buffers.trim();
}

void ReadinessEngine::run_queue() noexcept {
  Operation* operation = std::exchange(queue_, nullptr);
  queue_end_ = &queue_;
  while (operation != nullptr) look_again(*std::exchange(operation, operation->next));
}

void ReadinessEngine::run_woken() noexcept {
  WaitNode* newest = woken_.exchange(nullptr, std::memory_order_acquire);
  WaitNode* oldest = nullptr;
  while (newest != nullptr)
    newest = std::exchange(newest->next_woken, std::exchange(oldest, newest));
  while (oldest != nullptr) {
    WaitNode& node = *std::exchange(oldest, oldest->next_woken);
    if (TimerWheel::holds(node)) wait_timers_.leave(node);
    resume(node);
  }
}

void ReadinessEngine::run_to_end(TaskScope& scope, Task<> task) noexcept {
  read_clock();
  if (!scope.spawn(std::move(task))) return;  // a new scope takes any task
  while (scope.running() != 0) turn();
}

}  // namespace headrace::detail
