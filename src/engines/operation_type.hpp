// SPDX-License-Identifier: MIT
//
// What an operation is, to an engine: how it attempts itself, what it waits for, how it describes
// itself to a kernel that carries it out (io_uring), and how it takes the kernel's answer. One
// constant of this type an operation; adding an operation adds one such constant and touches no
// engine.
#pragma once

#include <atomic>
#include <cstdint>

#include "headrace/operation.hpp"
#include "headrace/task.hpp"

namespace headrace::detail {

/// How an attempt ended.
enum class Verdict : std::uint8_t {
  finished,    // outcome and result are set
  would_wait,  // EAGAIN: nothing can be done until the engine says so
  progressed,  // a part is done, or EINTR: try again
};

/// What must happen before another attempt makes sense.
enum class WaitFor : std::uint8_t { readable = 0, writable = 1, wake = 2 };

/// An operation as a request to a completion engine. The numbers mean what they mean to the system
/// call named.
struct Submission {
  enum class Call : std::uint8_t {
    none,
    recv,
    send,
    accept,
    connect,
    poll,
    recvmsg,
    sendmsg
  } call = Call::none;
  int descriptor = -1;
  const void* address = nullptr;  // recv, recvmsg: null, the engine chooses a buffer; sendmsg: the
                                  // Outgoing
  std::size_t length = 0;
  int flags = 0;
};

struct OperationType {
  const char* call;  // for messages: "recv"
  WaitFor wait;
  /// Once the server drains this no longer waits: it fails with `draining`.
  bool ends_in_drain;
  /// Without a deadline of its own it has the engine's idle timeout.
  bool may_idle_out;
  /// Reaching the deadline is what was asked for.
  bool done_at_deadline;
  /// Makes the system call on a non-blocking socket and takes its answer.
  Verdict (*attempt)(Operation& operation, SocketRecord& socket) noexcept;
  /// The same for an operation that is only just asked for and may succeed at once: whether it did.
  /// If not, the engine goes on (EngineCore::not_yet). A call from here is the last thing on the
  /// path of a usual message, so nothing has to be kept across it.
  bool (*start)(Operation& operation, SocketRecord& socket) noexcept;
  /// Takes what the kernel answered to the description, which somebody else (io_uring, or a thread
  /// that blocks) carried out: a count, a descriptor or a negative errno. A receive's bytes stand
  /// in `operation.lease.block`. Null for `wake`.
  Verdict (*absorb)(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept;
  /// Null for `wake`.
  void (*describe)(const Operation& operation, const SocketRecord& socket,
                   Submission& request) noexcept;
  /// `wake` only: stops waiting; false when the wake has come already and must be waited for. Null:
  /// cannot be cancelled and has no deadline.
  bool (*abandon)(WaitNode& node) noexcept;
};

extern const OperationType connect_operation;
extern const OperationType readable_operation;
extern const OperationType writable_operation;

// What several threads read and write: public headers declare plain fields (<atomic> costs them too
// much), and everybody goes through these.
inline std::atomic_ref<bool> canceled(TaskState& task) noexcept {
  return std::atomic_ref{task.canceled};
}
inline std::atomic_ref<bool> in_kernel(TaskState& task) noexcept {
  return std::atomic_ref{task.in_kernel};
}
inline std::atomic_ref<std::uint32_t> state(WaitNode& node) noexcept {
  return std::atomic_ref{node.state};
}

inline Verdict finish(Operation& operation) noexcept {
  operation.outcome = Outcome::done;
  return Verdict::finished;
}

inline Verdict finish(Operation& operation, Failure failure) noexcept {
  operation.failure = failure;
  operation.outcome = Outcome::failed;
  return Verdict::finished;
}

}  // namespace headrace::detail
