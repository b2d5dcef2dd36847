// SPDX-License-Identifier: MIT
//
// What every engine has and does, whatever it waits with: records, buffers, an observer, draining;
// and what each must do in its own way. Operations and streams see engines only through this.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engines/buffer_pool.hpp"
#include "engines/operation_type.hpp"
#include "engines/socket_record.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "net/socket.hpp"

namespace headrace::detail {

/// Records by the chunk: an address stays good, and all of them can be visited.
class RecordPool {
 public:
  RecordPool() noexcept = default;
  RecordPool(const RecordPool&) = delete;
  RecordPool& operator=(const RecordPool&) = delete;

  /// Null when there is no memory.
  SocketRecord* take() noexcept;
  void give(SocketRecord& record) noexcept;

  template <class Visit>
  void for_each(Visit visit) {
    for (const Chunk& chunk : chunks_)
      for (std::size_t index = 0; index < chunk.size; ++index) {
        SocketRecord& record = chunk.records[index];
        if (record.descriptor >= 0) visit(record);  // neither closed nor free
      }
  }

 private:
  struct Chunk {
    std::unique_ptr<SocketRecord[]> records;
    std::size_t size;
  };

  std::vector<Chunk> chunks_;
  SocketRecord* free_ = nullptr;
};

/// How far a stop has come.
enum class Phase : std::uint8_t { running, draining, cut };

class EngineCore : public Engine {
 public:
  EngineCore();
  ~EngineCore() override;

  // What an engine does in its own way.

  /// Whether `operation` finished at once; else its waiter is resumed from run().
  virtual bool start(Operation& operation) noexcept = 0;
  /// The same for a stream's receive and send without a deadline, which nearly all traffic is: an
  /// engine may have a shorter way for them.
  virtual bool start_receive(Operation& operation) noexcept { return start(operation); }
  virtual bool start_send(Operation& operation) noexcept { return start(operation); }
  /// A first attempt came to `verdict`; the same answer as start(). Only for engines that attempt.
  virtual bool not_yet(Operation& operation, Verdict verdict) noexcept = 0;
  /// Takes the socket in: registers it, sets it blocking or not. On failure the socket is closed.
  virtual Result<SocketRecord*> adopt(net::Socket socket, Transport transport) noexcept = 0;
  /// The same for a descriptor that stays somebody else's.
  virtual Result<SocketRecord*> borrow(int descriptor) noexcept = 0;
  virtual void close(SocketRecord& socket) noexcept = 0;
  /// A task's operations fail with `canceled` from now on; the one it waits in, soon.
  virtual void cancel(TaskState& task) noexcept = 0;
  /// Completes a wait; its outcome is set. Any thread.
  virtual void wake(WaitNode& node) noexcept = 0;
  /// Starts a task of `scope`. On failure the frame is left to the caller.
  virtual Result<> launch(TaskState& task, std::coroutine_handle<> frame) noexcept = 0;
  /// Runs `task` in `scope` on this thread, and all that comes of it, until the scope is empty.
  virtual void run_to_end(TaskScope& scope, Task<> task) noexcept = 0;
  /// The server stops: receives that would wait fail with `draining`; closing sockets lingers until
  /// the peer's FIN. Lingering goes on as tasks of `lingering`, or in line under a blocking engine.
  virtual void begin_drain(TaskScope* lingering) noexcept = 0;
  /// The drain is over: every connection that has not ended by itself ends as cut.
  virtual void cut() noexcept = 0;
  /// How sockets for this engine are made.
  [[nodiscard]] virtual net::Blocking socket_mode() const noexcept = 0;

  // What all of them share.

  /// A connection accepted at `listener`, as the observer admits it: null with `would_wait` when it
  /// is refused.
  Result<SocketRecord*> admit(const SocketRecord& listener, net::Socket socket,
                              const net::SocketAddress& peer) noexcept;
  [[nodiscard]] bool wants_messages() const noexcept { return watch_messages_; }
  void observe(ConnectionObserver* observer, bool watch_messages) noexcept {
    observer_ = observer;
    watch_messages_ = watch_messages;
  }
  /// After how long without a byte an operation without a deadline of its own times out.
  void set_idle_timeout(Deadline timeout) noexcept {
    idle_timeout_ = timeout;
    idle_ = timeout.is_never() ? 0 : timeout.resolve({}).time_since_epoch().count();
  }
  [[nodiscard]] ConnectionObserver* observer() const noexcept { return observer_; }
  /// Shuts a connection that is to be closed by a command, in both directions: its operations end.
  void shut_if_kicked(const SocketRecord& socket) const noexcept {
    if (socket.info->id != 0 && observer_ != nullptr && observer_->is_kicked(*socket.info))
      (void)sys::shutdown(socket.descriptor, SHUT_RDWR);  // the peer may be gone already
  }
  /// Looks at every connection; on the engine's own thread.
  void shut_kicked() noexcept {
    records_.for_each([this](const SocketRecord& socket) { shut_if_kicked(socket); });
  }
  /// What was posted to the socket is to be sent by the end of the turn.
  virtual void send_later(SocketRecord& socket) noexcept { (void)socket; }
  /// An operation has cost as much as so many others (or, below 0, as good as nothing).
  void charge(int operations) noexcept { budget_ -= operations; }
  [[nodiscard]] SocketRecord& self() noexcept { return self_; }
  /// A task is about to be destroyed.
  void ended(TaskState& task) noexcept {
    if (current_ == &task) current_ = nullptr;
  }
  /// The task that runs on the engine; null outside of run().
  [[nodiscard]] TaskState* current() const noexcept { return current_; }

  BufferPool buffers;

 protected:
  Result<SocketRecord*> make_record(int descriptor, Transport transport) noexcept;
  /// Tells the observer, closes the descriptor. The record itself is given back by the engine.
  void end_record(SocketRecord& socket) noexcept;

  TaskState* current_ = nullptr;
  int budget_ = 0;  // operations that the task may finish in line, under an event loop
  RecordPool records_;
  ConnectionObserver* observer_ = nullptr;
  Deadline idle_timeout_ = Deadline::never();
  std::int64_t idle_ = 0;  // nanoseconds, where there is an idle timeout
  bool watch_messages_ = false;

 private:
  ConnectionInfo own_info_;  // counts of sockets that no server watches
  SocketRecord self_;
};

/// Throws away what comes until the peer's FIN, a failure or a cancel, then closes.
Task<> linger(SocketRecord& socket);

/// OperationType::start for an operation that is attempted with `kAttempt`.
template <Verdict (*kAttempt)(Operation&, SocketRecord&) noexcept>
[[gnu::flatten]] bool start_with(Operation& operation, SocketRecord& socket) noexcept {
  const Verdict verdict = kAttempt(operation, socket);
  if (verdict == Verdict::finished) [[likely]]
    return true;
  return socket.engine->not_yet(operation, verdict);
}

/// Takes a datagram socket in. On failure it is closed.
Result<SocketRecord*> adopt_datagrams(EngineCore& engine, net::Socket socket,
                                      Transport transport) noexcept;
/// What is to be done for a datagram socket before it is closed.
void end_datagrams(SocketRecord& socket) noexcept;

Result<std::unique_ptr<EngineCore>> make_blocking_engine();
Result<std::unique_ptr<EngineCore>> make_polling_engine();
Result<std::unique_ptr<EngineCore>> make_select_engine();
Result<std::unique_ptr<EngineCore>> make_poll_engine();
Result<std::unique_ptr<EngineCore>> make_epoll_level_engine();
Result<std::unique_ptr<EngineCore>> make_epoll_edge_engine();
Result<std::unique_ptr<EngineCore>> make_io_uring_engine();

/// Fails with `not_supported` where the kernel lacks what that kind needs.
Result<std::unique_ptr<EngineCore>> make_engine(EngineKind kind);

/// Whether every Linux has it: nobody need try.
[[nodiscard]] bool is_everywhere(EngineKind kind) noexcept;

/// What loops are made with where nobody said: the first of these that can be made.
[[nodiscard]] std::span<const EngineKind> engines_best_first() noexcept;

/// Whether one can be made here and now. Leaves nothing behind that disturbs the caller's thread.
Result<> try_engine(EngineKind kind) noexcept;

}  // namespace headrace::detail
