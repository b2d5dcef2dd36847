// SPDX-License-Identifier: MIT
//
// TaskScope: the list of running tasks, and the two operations without a socket that everybody
// needs: join and sleep. Where a task runs (in line, or as a thread) is the engine's business.
#include "headrace/task_scope.hpp"

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "engines/engine_core.hpp"

namespace headrace {

namespace detail {

struct ScopeAccess {
  static Verdict attempt_join(Operation& operation, SocketRecord&) noexcept {
    auto& node = static_cast<WaitNode&>(operation);
    auto& scope = *static_cast<TaskScope*>(node.awaited);
    if (scope.running_ == 0) return finish(operation);
    assert(scope.joining_ == nullptr && "one join at a time");
    scope.joining_ = &node;
    return Verdict::would_wait;
  }
};

namespace {

Verdict attempt_sleep(Operation& operation, SocketRecord&) noexcept {
  return operation.deadline == Deadline::after({}) ? finish(operation) : Verdict::would_wait;
}

bool abandon_sleep(WaitNode&) noexcept { return true; }

const OperationType join_operation{"join",
                                   WaitFor::wake,
                                   false,
                                   false,
                                   false,
                                   ScopeAccess::attempt_join,
                                   start_with<ScopeAccess::attempt_join>,
                                   nullptr,
                                   nullptr,
                                   nullptr};

}  // namespace

const OperationType sleep_operation{
    "sleep", WaitFor::wake, false,        false, true, attempt_sleep, start_with<attempt_sleep>,
    nullptr, nullptr,       abandon_sleep};

void refuse_frame() noexcept {
  (void)std::fputs(
      "headrace: the compiler has misplaced the promise of a coroutine that awaits in a condition; "
      "declare a variable in it (see headrace/task.hpp)\n",
      stderr);
  std::abort();
}

void finish_root(TaskState& state, std::coroutine_handle<> frame) noexcept {
  TaskScope& scope = *state.scope;
  auto& engine = static_cast<EngineCore&>(*scope.engine_);
  (state.previous != nullptr ? state.previous->next : scope.first_) = state.next;
  if (state.next != nullptr) state.next->previous = state.previous;
  engine.ended(state);
  frame.destroy();
  if (--scope.running_ != 0 || scope.joining_ == nullptr) return;
  WaitNode& joining = *std::exchange(scope.joining_, nullptr);
  finish(joining);
  engine.wake(joining);
}

}  // namespace detail

using detail::EngineCore;
using detail::TaskState;

TaskScope::TaskScope(Engine& engine) noexcept
    : engine_{&engine}, maker_{static_cast<EngineCore&>(engine).current()} {
  if (maker_ == nullptr) return;
  next_ = std::exchange(maker_->scopes, this);
  canceled_ = detail::canceled(*maker_).load(std::memory_order_relaxed);
}

TaskScope::~TaskScope() {
  if (maker_ != nullptr) {
    TaskScope** at = &maker_->scopes;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
  }
  if (running_ == 0) return;
  (void)std::fputs("headrace: a TaskScope was destroyed before it was joined\n", stderr);
  std::terminate();
}

Result<> TaskScope::spawn(Task<> task) {
  if (canceled_) return fail(Errc::canceled, "spawn");
  const auto frame = std::exchange(task.frame_, nullptr);
  TaskState& state = frame.promise();
  state.scope = this;
  state.next = first_;
  if (first_ != nullptr) first_->previous = &state;
  first_ = &state;
  ++running_;
  auto launched = static_cast<EngineCore&>(*engine_).launch(state, frame);
  if (!launched) {
    detail::canceled(state).store(true, std::memory_order_relaxed);
    detail::finish_root(state, frame);
  }
  return launched;
}

void TaskScope::cancel() noexcept {
  canceled_ = true;
  for (TaskState* task = first_; task != nullptr; task = task->next) {
    static_cast<EngineCore&>(*engine_).cancel(*task);
    for (TaskScope* made = task->scopes; made != nullptr; made = made->next_) made->cancel();
  }
}

Task<> TaskScope::join() {
  (void)co_await Waiting{detail::join_operation, *engine_, Deadline::never(), this};
}

}  // namespace headrace
