// SPDX-License-Identifier: MIT
//
// Deadlines under a readiness engine, and when it looks at them. Not here: the wheel that orders
// them (timer_wheel.hpp).
#include <algorithm>
#include <cstddef>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

SocketRecord& owner_of(TimerNode& node) noexcept {
  return *reinterpret_cast<SocketRecord*>(reinterpret_cast<std::byte*>(&node) -
                                          offsetof(SocketRecord, timer));
}

std::int64_t due_at(const Deadline& absolute) noexcept {
  return absolute.resolve(Deadline::TimePoint{}).time_since_epoch().count();
}

}  // namespace

// A record is looked at no later than its earliest deadline; that look finds out what has
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

/// When the time of a waiting operation is over.
std::int64_t ReadinessEngine::due_of(const Operation& operation) const noexcept {
  if (!operation.deadline.is_never()) return due_at(operation.deadline);
  if (idle_timeout_.is_never() || !operation.type->may_idle_out) return TimerWheel::kNever;
  return operation.socket->active_at + idle_;
}

void ReadinessEngine::check_deadlines(SocketRecord& socket) noexcept {
  std::int64_t next = TimerWheel::kNever;
  std::array<Operation*, 2> expired{};
  for (unsigned direction = 0; direction < expired.size(); ++direction) {
    Operation* const operation = socket.waiting[direction];
    if (operation == nullptr) continue;
    const std::int64_t due = due_of(*operation);
    if (due == TimerWheel::kNever) continue;
    const bool queued =
        (socket.flags & queued_flag(direction)) != 0;  // it is to have its look first
    if (due <= now_ && !queued)
      expired[direction] = operation;
    else
      next = std::min(next, std::max(due, now_ + 1));
  }
  if (next != TimerWheel::kNever) socket_timers_.enter(socket.timer, next);
  // The send first: its last try may well move a byte, and then the receive is not late.
  for (const unsigned direction : {1U, 0U}) {
    if (expired[direction] == nullptr || socket.waiting[direction] != expired[direction]) continue;
    const std::int64_t due = due_of(*expired[direction]);
    if (due <= now_)
      try_for_the_last_time(socket, direction);
    else if (due < socket.timer.due)
      socket_timers_.enter(socket.timer, due);
  }
}

// Bytes may have come in this very turn; and a send buffer takes some long before the kernel calls
// it writable.
void ReadinessEngine::try_for_the_last_time(SocketRecord& socket, unsigned direction) noexcept {
  Operation& operation = *socket.waiting[direction];
  const Verdict verdict = operation.type->attempt(operation, socket);
  if (verdict == Verdict::finished) {
    socket.active_at = now_;
    finish_wait(socket, direction);
    return resume(operation);
  }
  if (verdict == Verdict::progressed && operation.deadline.is_never()) {
    socket.active_at = now_;
    socket_timers_.enter(socket.timer, std::min(socket.timer.due, idle_due_));
    return enqueue(operation);
  }
  fail_waiting(socket, direction, Errc::timed_out);
}

}  // namespace headrace::detail
