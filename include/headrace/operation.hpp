// SPDX-License-Identifier: MIT
//
// What a coroutine awaits: an operation that some engine carries out. The layout stands here so
// that the result is read in line; everything that acts on it is inside the library. Nothing in
// `detail` is for users.
//
// An operation lives in its awaiter, so in the frame of the coroutine that awaits it: none is ever
// allocated. Request and result share storage (see docs/adr/0001-operations-are-the-seam.md).
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "headrace/buffer.hpp"
#include "headrace/deadline.hpp"
#include "headrace/result.hpp"

namespace headrace {

class Engine;
class Stream;

namespace detail {

struct OperationType;  // what an operation does: attempt, absorb a completion, describe itself
                       // (src/engines)
struct SocketRecord;   // the engine's side of a socket
struct TaskState;      // the task that waits

enum class Outcome : std::uint64_t { done = 1, failed = 2 };

/// One request, later its result. 64 bytes: a cache line.
struct Operation {
  const OperationType* type;
  SocketRecord* socket;  // of what it acts on; the engine's own record for sleep, join and Channel
  void* waiter;          // the coroutine to resume; set after start() returned false
  Deadline deadline;     // as asked; once it waits, the time when it passes
  TaskState* task;       // while it waits
  union {
    Operation* next;  // while it waits to be looked at again
    Outcome outcome;  // once it is finished
  };
  union {
    ByteView sending;    // send: what is left to send
    Lease lease;         // receive: the result
    SocketRecord* made;  // accept: the socket that came of it
    const void* target;  // connect: the address
    Failure failure;     // any: why it failed
  };

  // What is not set here is set by whoever waits, or by the attempt.
  Operation(const OperationType& what, SocketRecord* on, Deadline until) noexcept
      : type{&what}, socket{on}, deadline{until} {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
};
static_assert(sizeof(Operation) == 64);

/// A place in an engine's timer wheel.
struct TimerNode {
  TimerNode* later = nullptr;  // neighbours in a slot; null: not in the wheel
  TimerNode* earlier = nullptr;
  std::int64_t due = std::numeric_limits<std::int64_t>::max();  // ns on the steady clock; highest:
                                                                // not in the wheel
};

/// An operation that no system call completes but somebody's wake: sleep, join, Channel.
struct WaitNode : Operation, TimerNode {
  enum State : std::uint32_t { idle, waiting, woken };

  using Operation::Operation;
  std::uint32_t state = idle;       // atomic; also the word a blocked thread sleeps on (futex(2))
  WaitNode* next_woken = nullptr;   // in its engine's inbox
  WaitNode* next_waiter = nullptr;  // in the Channel's queue
  void* value = nullptr;            // where a Channel takes the value from, or puts it
  void* awaited = nullptr;          // the Channel or the scope
};

/// The record that stands for the engine itself in operations without a socket.
SocketRecord* own_record(Engine& engine) noexcept;
void close(SocketRecord* socket) noexcept;

/// Whether `operation` finished at once. If not, its waiter is resumed from the engine's run(),
/// never from in here.
bool start(Operation& operation) noexcept;
/// The same for the two that nearly all traffic is, without a deadline of their own.
bool start_receive(Operation& operation) noexcept;
bool start_send(Operation& operation) noexcept;

/// The result of a finished operation, as the awaiting coroutine sees it. One specialization per
/// result type.
template <class T>
T take(Operation& operation) noexcept;

template <>
inline Result<> take(Operation& operation) noexcept {
  if (operation.outcome != Outcome::done) return std::unexpected(operation.failure);
  return {};
}

template <>
inline Result<Buffer> take(Operation& operation) noexcept {
  if (operation.outcome != Outcome::done) return std::unexpected(operation.failure);
  return Buffer{operation.lease};
}

}  // namespace detail

/// What `co_await` takes to wait for a wake.
class [[nodiscard]] Waiting {
 public:
  Waiting(const detail::OperationType& what, Engine& engine, Deadline until,
          void* awaited = nullptr) noexcept
      : node_{what, detail::own_record(engine), until} {
    node_.awaited = awaited;
  }
  bool await_ready() noexcept { return detail::start(node_); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { node_.waiter = waiter.address(); }
  Result<> await_resume() noexcept { return detail::take<Result<>>(node_); }

 private:
  detail::WaitNode node_;
};

/// What `co_await` takes: one operation. Await it where it is made; it can be neither copied nor
/// moved.
template <class T, bool (*kStart)(detail::Operation&) noexcept = detail::start>
class [[nodiscard]] Awaitable {
 public:
  Awaitable(const detail::OperationType& what, detail::SocketRecord* on, Deadline until) noexcept
      : operation_{what, on, until} {}
  Awaitable(const detail::OperationType& what, detail::SocketRecord* on, Deadline until,
            ByteView sending) noexcept
      : operation_{what, on, until} {
    operation_.sending = sending;
  }
  Awaitable(const detail::OperationType& what, detail::SocketRecord* on, Deadline until,
            const void* target) noexcept
      : operation_{what, on, until} {
    operation_.target = target;
  }

  bool await_ready() noexcept { return kStart(operation_); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    operation_.waiter = waiter.address();
  }
  T await_resume() noexcept { return detail::take<T>(operation_); }

 private:
  detail::Operation operation_;
};

}  // namespace headrace
