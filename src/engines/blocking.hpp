// SPDX-License-Identifier: MIT
//
// The blocking engine, for the launchers that make one for each connection and must be able to stop
// it from outside.
#pragma once

#include <atomic>
#include <list>
#include <mutex>

#include "engines/engine_core.hpp"
#include "engines/turn_lock.hpp"

namespace headrace::detail {

class TimeLimit;  // blocking_limit.hpp

/// Asked, on the engine's own thread, whenever a signal has interrupted an operation.
class InterruptWatcher {
 public:
  virtual ~InterruptWatcher() = default;
  virtual void interrupted() noexcept = 0;
};

class BlockingEngine final : public EngineCore {
 public:
  BlockingEngine() noexcept;
  ~BlockingEngine() override;

  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::blocking; }
  bool start(Operation& operation) noexcept override;
  bool start_receive(Operation& operation) noexcept override { return start(operation); }
  bool start_send(Operation& operation) noexcept override { return start(operation); }
  bool not_yet(Operation&, Verdict) noexcept override { return true; }  // it never attempts
  Result<SocketRecord*> adopt(net::Socket socket, Transport transport) noexcept override;
  Result<SocketRecord*> borrow(int descriptor) noexcept override;
  void close(SocketRecord& socket) noexcept override;
  void cancel(TaskState& task) noexcept override;
  void wake(WaitNode& node) noexcept override;
  Result<> launch(TaskState& task, std::coroutine_handle<> frame) noexcept override;
  void run_to_end(TaskScope& scope, Task<> task) noexcept override;
  /// Any thread; to be followed by `interrupt` until the tasks have ended.
  void begin_drain(TaskScope* lingering) noexcept override;
  /// Every operation fails with `canceled` from now on. Any thread; to be followed by `interrupt`
  /// as above.
  void cut() noexcept override;
  [[nodiscard]] net::Blocking socket_mode() const noexcept override { return net::Blocking::yes; }

  /// Signals every thread of the engine once, so that it looks at its flags. Any thread.
  void interrupt() noexcept;
  void set_watcher(InterruptWatcher* watcher) noexcept { watcher_ = watcher; }

 private:
  class Pause;
  /// A thread that runs, or has run, one task.
  struct Thread {
    BlockingEngine* engine;
    TaskState* task;
    std::coroutine_handle<> frame;
    pthread_t id{};
    bool finished = false;
  };

  bool start_wait(WaitNode& node) noexcept;
  void join_threads(WaitNode& node) noexcept;
  void wait_for_wake(WaitNode& node, std::int64_t limit) noexcept;
  /// Whether a signal has come to this thread since the last time.
  [[nodiscard]] static bool take_signal() noexcept;
  [[nodiscard]] bool gives_up(const Operation& operation) const noexcept;
  std::int64_t carry_out(Operation& operation, SocketRecord& socket, TimeLimit& limit) noexcept;
  static std::int64_t poll_once(const Submission& request, std::int64_t limit) noexcept;
  static void set_kernel_limit(SocketRecord& socket, WaitFor direction, TimeLimit& limit) noexcept;
  void linger_in_line(SocketRecord& socket) noexcept;
  void interrupted() noexcept;
  void reap_finished() noexcept;
  void set_runner(bool runs) noexcept;
  static void* run_thread(void* argument) noexcept;

  TurnLock turn_;        // held by the task that runs, let go inside an operation
  bool shared_ = false;  // there has been a second task: operations must let go of `turn_`
  std::atomic<Phase> phase_ = Phase::running;
  InterruptWatcher* watcher_ = nullptr;

  std::mutex threads_mutex_;
  std::list<Thread> threads_;
  pthread_t runner_{};
  bool has_runner_ = false;
  bool starts_in_line_ =
      false;  // the next task is the engine's first and runs on the caller's thread
};

/// Lets the other tasks of the connection run while an operation is inside the kernel.
class BlockingEngine::Pause {
 public:
  Pause(BlockingEngine& engine, const Operation& operation) noexcept
      : engine_{engine}, task_{operation.task} {
    if (!engine_.shared_) return;
    const bool cancelable =
        operation.type->wait != WaitFor::wake || operation.type->abandon != nullptr;
    in_kernel(*task_).store(cancelable);  // before the last look at `canceled`: see cancel()
    engine_.turn_.unlock();
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() {
    if (!engine_.shared_) return;
    in_kernel(*task_).store(false);
    engine_.turn_.lock();
    engine_.current_ = task_;
  }

 private:
  BlockingEngine& engine_;
  TaskState* task_;
};

}  // namespace headrace::detail
