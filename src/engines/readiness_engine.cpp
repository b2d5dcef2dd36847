// SPDX-License-Identifier: MIT
//
// The frame of a readiness engine: sockets come and go, and turn follows turn. Within a turn: what
// the kernel tells, operations to be looked at again, wakes, timers; what was closed is freed last.
#include "engines/readiness_engine.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <thread>
#include <utility>

#include "engines/datagram_batch.hpp"

namespace headrace::detail {

namespace {

Verdict empty_eventfd(Operation&, SocketRecord& socket) noexcept {
  std::uint64_t count = 0;
  (void)sys::read(socket.descriptor, &count,
                  sizeof count);  // EAGAIN: a wake from elsewhere was first
  return Verdict::would_wait;
}

const OperationType wake_up_operation{"eventfd",     WaitFor::readable, false,   false,   false,
                                      empty_eventfd, nullptr,           nullptr, nullptr, nullptr};

}  // namespace

ReadinessEngine::ReadinessEngine()
    : now_{sys::monotonic_ns()},
      socket_timers_{now_},
      wait_timers_{now_},
      wake_up_reading_{wake_up_operation, nullptr, Deadline::never()} {}

ReadinessEngine::~ReadinessEngine() {
  while (wakers_.load(std::memory_order_acquire) != 0) std::this_thread::yield();  // a few calls
  free_closed();
}

Result<> ReadinessEngine::prepare() noexcept {
  const int descriptor = sys::eventfd(0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return fail_errno("eventfd", -descriptor);
  wake_up_ = net::Socket{descriptor};
  const auto record = borrow(descriptor);
  if (!record) return std::unexpected(record.error());
  wake_up_reading_.socket = *record;
  (*record)->waiting[0] = &wake_up_reading_;
  return {};
}
// Sockets come and go.

Result<SocketRecord*> ReadinessEngine::take_in(int descriptor, Transport transport,
                                               std::uint8_t flags) noexcept {
  auto record = make_record(descriptor, transport);
  if (!record) return record;
  SocketRecord& socket = **record;
  socket.flags = static_cast<std::uint8_t>(socket.flags | flags);
  socket.ready[1] = true;
  socket.active_at = now_;
  const auto watched = watch(socket);
  if (phase_ != Phase::running) socket.armed = {};
  if (watched) return record;
  records_.give(socket);
  return std::unexpected(watched.error());
}

Result<SocketRecord*> ReadinessEngine::adopt(net::Socket socket, Transport transport) noexcept {
  auto record = take_in(socket.descriptor(), transport, 0);
  if (record) (void)socket.release();  // the record's now
  return record;
}

Result<SocketRecord*> ReadinessEngine::borrow(int descriptor) noexcept {
  auto record = take_in(descriptor, Transport::unix_stream, SocketRecord::kBorrowed);
  if (record) (*record)->ready[0] = true;
  return record;
}

void ReadinessEngine::close(SocketRecord& socket) noexcept {
  assert(socket.waiting[0] == nullptr && socket.waiting[1] == nullptr &&
         "closed with an operation in flight");
  const bool lingers = phase_ == Phase::draining && lingering_ != nullptr &&
                       (socket.flags & (SocketRecord::kBorrowed | SocketRecord::kLingering)) == 0 &&
                       socket.info->id != 0;
  if (lingers) {
    socket.flags |= SocketRecord::kLingering;
    // Owns the record from here on; if it cannot be spawned any more, its Stream closes at once.
    if (lingering_->spawn(linger(socket))) return;
  }
  if (phase_ == Phase::cut) note_failure(socket, Errc::canceled);
  unwatch(socket);
  if (TimerWheel::holds(socket.timer)) socket_timers_.leave(socket.timer);
  if (socket.datagram != nullptr) forget_unsent(socket);
  end_record(socket);
  socket.next = closed_;
  closed_ = &socket;
}

void ReadinessEngine::free_closed() noexcept {
  while (closed_ != nullptr) {
    SocketRecord* const next = closed_->next;
    release(*closed_);
    closed_ = next;
  }
}

// One turn: wait, then everything that has become possible.

int ReadinessEngine::time_to_wait() const noexcept {
  if (queue_ != nullptr) return 0;
  if (unsent_ != nullptr) return 1;  // a full send buffer: nobody waits for its being writable
  const std::int64_t look = std::min(socket_timers_.next_look(), wait_timers_.next_look());
  if (look == TimerWheel::kNever) return -1;
  constexpr std::int64_t kMillisecond = 1'000'000;
  return static_cast<int>(std::clamp((look - now_ + kMillisecond - 1) / kMillisecond,
                                     std::int64_t{0}, std::int64_t{3'600'000}));
}

std::size_t ReadinessEngine::rest_after(int error, int timeout_ms) noexcept {
  constexpr int kRest = 10;
  // With no entry poll(2) needs no memory.
  if (error != EINTR && timeout_ms != 0) (void)sys::poll(nullptr, 0, kRest);
  return 0;
}

void ReadinessEngine::turn() noexcept {
  int timeout_ms = time_to_wait();
  if (timeout_ms != 0) {
    // Either a wake sees that we sleep and writes to the eventfd, or we see what it has left.
    asleep_.store(true, std::memory_order_seq_cst);
    if (woken_.load(std::memory_order_seq_cst) != nullptr) timeout_ms = 0;
  }
  wait(timeout_ms);
  asleep_.store(false, std::memory_order_relaxed);
  if (has_timers()) read_clock();
  dispatch();
  run_queue();
  run_woken();
  if (has_timers()) run_timers();
  if (unsent_ != nullptr) send_posted();
  free_closed();
  buffers.trim();
}

void ReadinessEngine::send_later(SocketRecord& socket) noexcept {
  DatagramBatch& batch = *socket.datagram->batch;
  if (std::exchange(batch.is_listed, true)) return;
  batch.next_unsent = unsent_;
  unsent_ = &socket;
}

void ReadinessEngine::forget_unsent(const SocketRecord& socket) noexcept {
  SocketRecord** place = &unsent_;
  while (*place != nullptr && *place != &socket) place = &(*place)->datagram->batch->next_unsent;
  if (*place != nullptr) *place = socket.datagram->batch->next_unsent;
}

void ReadinessEngine::send_posted() noexcept {
  SocketRecord* socket = std::exchange(unsent_, nullptr);
  while (socket != nullptr) {
    SocketRecord& record = *socket;
    DatagramBatch& batch = *record.datagram->batch;
    socket = batch.next_unsent;
    batch.is_listed = false;
    batch.send_posted();
    if (batch.has_posted()) send_later(record);
  }
}

void ReadinessEngine::run_queue() noexcept {
  Operation* operation = std::exchange(queue_, nullptr);
  queue_end_ = &queue_;
  while (operation != nullptr) look_again(*std::exchange(operation, operation->next));
}

void ReadinessEngine::run_woken() noexcept {
  WaitNode* newest = woken_.exchange(nullptr, std::memory_order_acquire);
  WaitNode* oldest = nullptr;
  while (newest != nullptr)
    newest = std::exchange(newest->next_woken, std::exchange(oldest, newest));
  while (oldest != nullptr) {
    WaitNode& node = *std::exchange(oldest, oldest->next_woken);
    if (TimerWheel::holds(node)) wait_timers_.leave(node);
    resume(node);
  }
}

void ReadinessEngine::run_to_end(TaskScope& scope, Task<> task) noexcept {
  read_clock();
  if (!scope.spawn(std::move(task))) return;  // a new scope takes any task
  if (unsent_ != nullptr) send_posted();
  while (scope.running() != 0) turn();
}

}  // namespace headrace::detail
