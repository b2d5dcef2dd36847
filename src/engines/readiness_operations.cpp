// SPDX-License-Identifier: MIT
//
// The life of an operation under a readiness engine: try, wait, try again. The path of a usual
// message is `on_readable`, the resumed task, its `start_send` and its `start_receive`; everything
// that is rare (a used-up turn, a cancel, a drain) stands apart from it.
#include <cassert>
#include <utility>

#include "engines/datagram_batch.hpp"
#include "engines/readiness_engine.hpp"

namespace headrace::detail {

// A usual message: a send finishes at once, and a receive that has nothing to read is noted down.
// Nothing that may happen at every message is asked twice, so both have a function of their own.

bool ReadinessEngine::start_send(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  if (!socket.ready[1]) [[unlikely]]
    return park(operation);
  const Verdict verdict = send_now(operation, socket);
  if (verdict == Verdict::finished) [[likely]]
    return true;
  return socket.engine->not_yet(operation, verdict);  // this engine; `this` need not be kept for it
}

bool ReadinessEngine::start_receive(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  if (socket.ready[0]) return operation.type->start(operation, socket);
  // While the server drains nothing is armed.
  if (!socket.armed[0] || socket.timer.due > idle_due_) [[unlikely]]
    return park(operation);
  assert(socket.waiting[0] == nullptr && "one receive and one send at a time");
  socket.waiting[0] = &operation;
  operation.task = current_;
  current_->waiting = &operation;
  return false;
}

// Any other, and those with a deadline.

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
  if (cancelable && canceled(*current_).load(std::memory_order_relaxed)) {
    note_failure(*operation.socket, Errc::canceled);
    finish(operation, {operation.type->call, 0, Errc::canceled});
    return true;
  }
  if (operation.socket->datagram != nullptr && needs_no_turn(operation))
    return operation.type->start(operation, *operation.socket);
  if (!by_wake) {
    if (const auto waits = wait_on_socket(operation); !waits)
      return finish_now(operation, waits.error());
    enqueue(operation);
    return false;
  }
  auto& node = static_cast<WaitNode&>(operation);
  current_->waiting = &operation;
  state(node).store(WaitNode::waiting, std::memory_order_relaxed);
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
  if (direction == 1) socket.flags |= SocketRecord::kSendWaits;
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
  // It may have waited for long, and its task may not come back to this socket soon: another task
  // that waits here must not time out for that.
  socket.active_at = now_;
  if (verdict == Verdict::progressed) return enqueue(operation);
  finish_wait(socket, direction);
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
  budget_ = canceled(task).load(std::memory_order_relaxed) ? 0 : kTurnBudget;
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
  if (canceled(*operation.task).load(std::memory_order_relaxed))
    return fail_waiting(socket, direction, Errc::canceled);
  retry(socket, direction);
  // Still the same wait: the operation is only gone if its waiter was resumed, and then it was
  // taken out.
  if (phase_ != Phase::running && socket.waiting[direction] == &operation &&
      ends_in_drain(operation) && (socket.flags & queued_flag(direction)) == 0)
    fail_waiting(socket, direction, Errc::draining);
}

void ReadinessEngine::finish_wait(SocketRecord& socket, unsigned direction) noexcept {
  socket.waiting[direction] = nullptr;
  if (direction == 1)
    socket.flags = static_cast<std::uint8_t>(socket.flags & ~unsigned{SocketRecord::kSendWaits});
}

void ReadinessEngine::fail_waiting(SocketRecord& socket, unsigned direction, Errc why) noexcept {
  Operation& operation = *socket.waiting[direction];
  finish_wait(socket, direction);
  note_failure(socket, why);
  finish(operation, {operation.type->call, 0, why});
  resume(operation);
}

void ReadinessEngine::cancel(TaskState& task) noexcept {
  if (canceled(task).exchange(true, std::memory_order_relaxed)) return;
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
  // The woken task may end the engine: it waits until we have let go of it.
  wakers_.fetch_add(1, std::memory_order_relaxed);
  WaitNode* head = woken_.load(std::memory_order_relaxed);
  do node.next_woken = head;
  while (!woken_.compare_exchange_weak(head, &node, std::memory_order_seq_cst,
                                       std::memory_order_relaxed));
  if (asleep_.exchange(false, std::memory_order_seq_cst)) {
    const std::uint64_t one = 1;
    (void)sys::write(wake_up_.descriptor(), &one, sizeof one);  // EAGAIN: it is awake already
  }
  wakers_.fetch_sub(1, std::memory_order_release);
}

Result<> ReadinessEngine::launch(TaskState& task, std::coroutine_handle<> frame) noexcept {
  TaskState* const parent = std::exchange(current_, &task);
  if (parent != nullptr) parent->waiting = nullptr;  // it runs: what it last waited in is past
  const int budget = std::exchange(budget_, kTurnBudget);
  frame.resume();
  current_ = parent;
  budget_ = parent != nullptr && canceled(*parent).load(std::memory_order_relaxed) ? 0 : budget;
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

}  // namespace headrace::detail
