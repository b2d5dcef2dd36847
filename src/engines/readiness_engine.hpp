// SPDX-License-Identifier: MIT
//
// What the engines have in common that are told when a call would not wait: polling, select, poll,
// epoll. Try, wait, try again; readiness is a hint, the call decides. An engine adds how it tells
// the kernel and how it waits.
//
// Here too: the turn budget, the queue of operations to be looked at again, timers, wakes from
// other threads, and the end of the batch, before which nothing is freed. Not here: any system call
// that waits.
#pragma once

#include <atomic>

#include "engines/engine_core.hpp"
#include "engines/stream_operations.hpp"
#include "engines/timer_wheel.hpp"

namespace headrace::detail {

constexpr std::uint8_t queued_flag(unsigned direction) noexcept {
  return direction == 0 ? SocketRecord::kQueuedRead : SocketRecord::kQueuedWrite;
}

inline unsigned direction_of(const Operation& operation) noexcept {
  return static_cast<unsigned>(operation.type->wait);
}

class ReadinessEngine : public EngineCore {
 public:
  /// How many operations a task may finish in line before the others get their turn. With no budget
  /// one of 100 connections took 74% of the receives; with 16 the turns are flat.
  static constexpr int kTurnBudget = 16;

  ReadinessEngine();
  ~ReadinessEngine() override;
  /// To be called once the derived engine can watch descriptors.
  Result<> prepare() noexcept;

  bool start(Operation& operation) noexcept override;
  bool start_receive(Operation& operation) noexcept override;
  bool start_send(Operation& operation) noexcept override;
  bool not_yet(Operation& operation, Verdict verdict) noexcept final;
  Result<SocketRecord*> adopt(net::Socket socket, Transport transport) noexcept final;
  Result<SocketRecord*> borrow(int descriptor) noexcept final;
  void close(SocketRecord& socket) noexcept final;
  void cancel(TaskState& task) noexcept final;
  void wake(WaitNode& node) noexcept final;
  Result<> launch(TaskState& task, std::coroutine_handle<> frame) noexcept final;
  void run_to_end(TaskScope& scope, Task<> task) noexcept final;
  void begin_drain(TaskScope* lingering) noexcept final;
  void send_later(SocketRecord& socket) noexcept final;
  void cut() noexcept final { phase_ = Phase::cut; }
  [[nodiscard]] net::Blocking socket_mode() const noexcept final { return net::Blocking::no; }

 protected:
  // What an engine adds.

  /// Takes note of a new descriptor. `not_supported` for one that is always ready (a file).
  virtual Result<> watch(SocketRecord& socket) noexcept = 0;
  /// Forgets it, before it is closed.
  virtual void unwatch(SocketRecord& socket) noexcept = 0;
  /// An operation has begun to wait that `socket.armed` does not cover.
  virtual Result<> arm(SocketRecord& socket, WaitFor direction) noexcept = 0;
  /// Waits for events, at most so long (-1: for ever; 0: only looks).
  virtual void wait(int timeout_ms) noexcept = 0;
  /// Calls `on_ready` for each event of that wait.
  virtual void dispatch() noexcept = 0;

  /// How many events a call that waits has told. After a signal (EINTR) none. Any other error may
  /// last (ENOMEM): then it rests first, so that trying again and again takes no whole core.
  static std::size_t events_told(int answer, int timeout_ms) noexcept {
    if (answer < 0) [[unlikely]]
      return rest_after(-answer, timeout_ms);
    return static_cast<std::size_t>(answer);
  }

  /// `ready` are SocketRecord::Ready bits. Operations that finish resume their tasks from in here.
  void on_ready(SocketRecord& socket, unsigned ready) noexcept;

  /// The same for the usual event, bytes for a receive: a path of its own, and the shortest.
  [[gnu::always_inline]] void on_readable(SocketRecord& socket) noexcept {
    constexpr unsigned kUnusual =
        SocketRecord::kQueuedRead | SocketRecord::kWatched | SocketRecord::kSendWaits;
    Operation* const operation = socket.waiting[0];
    if (operation == nullptr || operation->type != &receive_operation ||
        (socket.flags & kUnusual) != 0) [[unlikely]]
      return on_ready(socket, SocketRecord::kReadable);
    BufferBlock* const block = buffers.take();
    if (block == nullptr) [[unlikely]]
      return retry_after(socket, 0, receive_nowhere(*operation, socket));
    const std::int64_t answer = receive_into(*operation, socket, block);
    if (answer <= 0) [[unlikely]]
      return retry_after(socket, 0, end_receive(*operation, socket, answer));
    (void)take_untold(*operation, socket, static_cast<std::uint32_t>(answer));
    socket.waiting[0] = nullptr;
    resume_usual(*operation);
  }

  /// Not a task that is cancelled: its operation was queued, and ends in its turn.
  [[gnu::always_inline]] void resume_usual(Operation& operation) noexcept {
    current_ = operation.task;
    budget_ = kTurnBudget;
    std::coroutine_handle<>::from_address(operation.waiter).resume();
  }

  // What an engine may do in a way of its own, where the kernel carries out what it waits for.

  /// Notes that `operation` waits, and sees to it that the kernel tells.
  virtual Result<> wait_on_socket(Operation& operation) noexcept;
  /// The turn of an operation that was queued.
  virtual void look_again(Operation& operation) noexcept;
  /// The deadline of the waiting operation has passed.
  virtual void try_for_the_last_time(SocketRecord& socket, unsigned direction) noexcept;
  /// The turn in which it was closed is over.
  virtual void release(SocketRecord& socket) noexcept { records_.give(socket); }

  bool start_used_up(Operation& operation) noexcept;
  bool park(Operation& operation) noexcept;
  [[nodiscard]] static bool ends_in_drain(const Operation& operation) noexcept;
  void resume(Operation& operation) noexcept;
  void enqueue(Operation& operation) noexcept;
  /// Nobody waits in this direction any more.
  static void finish_wait(SocketRecord& socket, unsigned direction) noexcept;
  void fail_waiting(SocketRecord& socket, unsigned direction, Errc why) noexcept;
  void set_timer(SocketRecord& socket, Operation& operation) noexcept;
  [[nodiscard]] std::int64_t due_of(const Operation& operation) const noexcept;
  [[nodiscard]] SocketRecord& wake_up_record() const noexcept { return *wake_up_reading_.socket; }

  Phase phase_ = Phase::running;
  std::int64_t now_;                            // read once a turn while there are timers
  std::int64_t idle_due_ = TimerWheel::kNever;  // now_ and the idle timeout, if there is one

 private:
  bool finish_now(Operation& operation, Failure failure) noexcept;
  void retry(SocketRecord& socket, unsigned direction) noexcept;
  void retry_after(SocketRecord& socket, unsigned direction, Verdict verdict) noexcept;
  Result<SocketRecord*> take_in(int descriptor, Transport transport, std::uint8_t flags) noexcept;
  void set_timer(WaitNode& node) noexcept;
  void read_clock() noexcept;

  [[gnu::cold]] static std::size_t rest_after(int error, int timeout_ms) noexcept;

  void turn() noexcept;
  [[nodiscard]] int time_to_wait() const noexcept;
  void run_queue() noexcept;
  void run_woken() noexcept;
  void run_timers() noexcept;
  void check_deadlines(SocketRecord& socket) noexcept;
  void send_posted() noexcept;
  void forget_unsent(const SocketRecord& socket) noexcept;
  void free_closed() noexcept;
  [[nodiscard]] bool has_timers() const noexcept {
    return !socket_timers_.empty() || !wait_timers_.empty();
  }

  Operation* queue_ = nullptr;  // to be looked at again in the next turn
  Operation** queue_end_ = &queue_;
  SocketRecord* closed_ = nullptr;
  SocketRecord* unsent_ = nullptr;  // datagram sockets to which something was posted
  TaskScope* lingering_ = nullptr;

  TimerWheel socket_timers_;
  TimerWheel wait_timers_;

  std::atomic<WaitNode*> woken_ = nullptr;
  std::atomic<bool> asleep_ = false;
  std::atomic<unsigned> wakers_ = 0;  // in the middle of wake()
  net::Socket wake_up_;               // an eventfd(2), written to by wake() from another thread
  Operation wake_up_reading_;         // waits for it for ever
};

}  // namespace headrace::detail
