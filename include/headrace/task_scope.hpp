// SPDX-License-Identifier: MIT
//
// TaskScope: several tasks at once, none of which outlives the scope.
#pragma once

#include <cstddef>

#include "headrace/operation.hpp"
#include "headrace/task.hpp"

namespace headrace {

class Engine;

namespace detail {
struct WaitNode;
struct ScopeAccess;
}  // namespace detail

/// Tasks that run beside each other and are joined before the scope ends.
///
/// Tasks of one connection, also of its nested scopes, run one at a time and give way only inside
/// an operation: they may share the locals of the task that spawned them without a lock, under
/// every model. Under a blocking engine each spawned task is a thread, held back by the
/// connection's lock.
///
/// Must be joined before it is destroyed; destroying it with a task still running ends the program.
/// Nothing is ever detached. Use it from tasks of its engine only.
class TaskScope {
 public:
  explicit TaskScope(Engine& engine) noexcept;
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope();

  /// Starts `task`: on a loop at once, up to its first wait; under a blocking engine as a thread of
  /// its own. Fails with `too_many_descriptors` or `out_of_memory` when no thread can be had (the
  /// task is then destroyed without having run), and with `canceled` after `cancel()`.
  [[nodiscard]] Result<> spawn(Task<> task);

  /// From now on every operation of every task in the scope, and in the scopes that they have made,
  /// fails with `canceled`, those in flight too.
  ///
  /// A scope made in a cancelled task is cancelled from the beginning. Waits for no task; `join()`
  /// waits for the tasks to end. A cancelled send may have sent a part.
  void cancel() noexcept;

  /// Completes when every task spawned so far, and meanwhile, has ended. Never fails, also in a
  /// cancelled task.
  [[nodiscard]] Task<> join();

  /// How many tasks have not ended.
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  friend void detail::finish_root(detail::TaskState& state, std::coroutine_handle<> frame) noexcept;
  friend struct detail::ScopeAccess;

  Engine* engine_;
  detail::TaskState* maker_ = nullptr;  // the task whose frame the scope lives in
  TaskScope* next_ = nullptr;           // that task's other scopes
  detail::TaskState* first_ = nullptr;
  detail::WaitNode* joining_ = nullptr;
  std::size_t running_ = 0;
  bool canceled_ = false;
};

}  // namespace headrace
