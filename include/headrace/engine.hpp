// SPDX-License-Identifier: MIT
//
// Engine: how one thread carries out operations and waits for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "headrace/operation.hpp"
#include "headrace/task.hpp"

namespace headrace {

namespace detail {
extern const OperationType sleep_operation;
}

/// How a thread waits, in the order history invented them.
enum class EngineKind : std::uint8_t {
  blocking,
  polling,
  select,
  poll,
  epoll_level,
  epoll_edge,
  io_uring
};

/// What `Engine::wait_ready` waits for.
enum class Direction : std::uint8_t { readable, writable };

/// Carries out the operations of the tasks that run on it. One thread only, unless a member says
/// otherwise.
///
/// `serve()` makes the engines it needs; make one yourself for a client or a test. Under fork(2) an
/// engine belongs to the parent: a child builds its own.
class Engine {
 public:
  /// Fails with `not_supported` when the kernel lacks what the engine needs or headrace does not
  /// have it yet, and with `too_many_descriptors` or `out_of_memory`.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(EngineKind kind);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine();

  /// Runs `task` on this thread until it has ended. Not from inside a task.
  void run(Task<> task);

  /// Completes at the deadline; fails only with `canceled`. `Deadline::never()` waits to be
  /// cancelled.
  Waiting sleep(Deadline until) noexcept { return {detail::sleep_operation, *this, until}; }

  /// Completes when a read (or write) on `descriptor` would not wait: a hint, the call decides. See
  /// poll(2).
  ///
  /// For descriptors that are not sockets of this engine: a signal pipe, stdin. The descriptor
  /// stays the caller's and must stay open until this completes; one wait per descriptor at a time.
  /// A regular file is always ready. Fails with `timed_out`, `canceled`, `too_many_descriptors`,
  /// `out_of_memory`.
  [[nodiscard]] Task<Result<>> wait_ready(int descriptor, Direction direction,
                                          Deadline deadline = Deadline::never());

  [[nodiscard]] virtual EngineKind kind() const noexcept = 0;

 protected:
  Engine() = default;
};

/// "epoll-edge", as in the table of models. Static storage.
[[nodiscard]] std::string_view to_text(EngineKind kind) noexcept;

}  // namespace headrace
