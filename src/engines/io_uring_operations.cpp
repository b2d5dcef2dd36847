// SPDX-License-Identifier: MIT
//
// The life of an operation that the kernel carries out: receive, send, accept. Described, handed
// over with the next wait, absorbed when its completion comes. A usual message is one completion of
// a receive that stays, and one send.
//
// Who waits for bytes or a connection may stop waiting at any time: what comes later is kept for
// whoever asks next. A send is different: the kernel reads the caller's bytes, so it ends only when
// the kernel says so. Not here: what comes in (io_uring_reading.cpp).
#include <algorithm>
#include <cassert>
#include <cerrno>

#include "engines/io_uring.hpp"
#include "headrace/listener.hpp"

namespace headrace::detail {

/// Not an accept with a deadline: it may want one connection and no more.
bool IoUringEngine::is_carried(const Operation& operation) noexcept {
  return operation.type == &receive_operation || operation.type == &send_operation ||
         (operation.type == &accept_operation && operation.deadline.is_never());
}

// A usual message: both are noted down, the send with its request. `armed` of a stream or listener:
// a request for many is in the kernel, nothing has come that nobody has asked for, and nothing
// speaks against just waiting. While the server drains nothing is armed.

bool IoUringEngine::start_send(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  if (socket.timer.due > idle_due_ || operation.sending.size() > kMostSent) [[unlikely]]
    return begin_send(operation, socket);
  io_uring_sqe* const request = ring_.free_submission();
  if (request == nullptr) [[unlikely]]
    return begin_send(operation, socket);
  note_waiting(operation, socket, 1);
  fill_send(*request, operation, socket, operation.sending.size());
  return false;
}

bool IoUringEngine::start_receive(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  if (!socket.armed[0] || socket.timer.due > idle_due_) [[unlikely]]
    return begin_reading(operation, socket);
  note_waiting(operation, socket, 0);
  return false;
}

// Any other, and those with a deadline.

bool IoUringEngine::start(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  const bool sends = operation.type == &send_operation;
  if (!sends && operation.type != &receive_operation && operation.type != &accept_operation)
    return ReadinessEngine::start(operation);
  socket.active_at = now_;
  if (--budget_ < 0) [[unlikely]]
    return start_used_up(operation);
  return sends ? begin_send(operation, socket) : begin_reading(operation, socket);
}

bool IoUringEngine::begin_send(Operation& operation, SocketRecord& socket) noexcept {
  note_waiting(operation, socket, 1);
  set_timer(socket, operation);
  submit_send(operation, socket);
  return false;
}

bool IoUringEngine::begin_reading(Operation& operation, SocketRecord& socket) noexcept {
  while (has_something(operation, socket))
    if (operation.type->absorb(operation, socket, take_something(operation, socket)) ==
        Verdict::finished)
      return true;
  if (!is_carried(operation)) return ReadinessEngine::start(operation);
  const bool reading = socket.ring.has(RingState::kReceiving);
  const bool drains = phase_ != Phase::running && ends_in_drain(operation);
  if (drains && !reading) return park(operation);
  note_waiting(operation, socket, 0);
  set_timer(socket, operation);
  if (drains)
    stop_reading(socket);
  else if (reading)
    arm_again(socket);
  else
    submit_reading(operation, socket);
  return false;
}

Result<> IoUringEngine::wait_on_socket(Operation& operation) noexcept {
  if (!is_carried(operation)) return ReadinessEngine::wait_on_socket(operation);
  note_waiting(operation, *operation.socket, direction_of(operation));
  set_timer(*operation.socket, operation);
  return {};
}

// Described to the kernel; if it takes no more, again in the next turn.

void IoUringEngine::submit_send(Operation& operation, SocketRecord& socket) noexcept {
  io_uring_sqe* const request = ring_.next_submission();
  if (request == nullptr) [[unlikely]]
    return enqueue(operation);
  fill_send(*request, operation, socket, std::min(operation.sending.size(), kMostSent));
}

/// As its `describe` says; asking for it would cost each message a call. What is not set here no
/// request of ours sets, so it is 0 in all of the queue, as it was from the start.
void IoUringEngine::fill_send(io_uring_sqe& request, const Operation& operation,
                              SocketRecord& socket, std::size_t size) noexcept {
  request.opcode = IORING_OP_SEND;
  request.flags = 0;
  request.ioprio = 0;
  request.fd = socket.descriptor;
  request.addr = reinterpret_cast<std::uintptr_t>(operation.sending.data());
  request.len = static_cast<std::uint32_t>(size);
  request.msg_flags = MSG_NOSIGNAL;
  request.user_data = tag(socket, Of::send);
  socket.ring.set(RingState::kSending);
}

void IoUringEngine::submit_reading(Operation& operation, SocketRecord& socket) noexcept {
  io_uring_sqe* const request = ring_.next_submission();
  if (request == nullptr) [[unlikely]]
    return enqueue(operation);
  Submission what;
  operation.type->describe(operation, socket, what);
  const net::RingFeatures can = ring_.features();
  const bool accepts = what.call == Submission::Call::accept;
  const bool many =
      accepts ? can.has(net::RingFeature::multishot_accept)
              : can.has(net::RingFeature::multishot_receive) && socket.ring.has(RingState::kPolite);
  if (accepts) {
    io_uring_prep_accept(request, what.descriptor, nullptr, nullptr, what.flags);
    if (many) request->ioprio |= IORING_ACCEPT_MULTISHOT;
  } else {
    // Which buffer, and how much it takes, is the kernel's choice.
    io_uring_prep_recv(request, what.descriptor, nullptr, 0, what.flags);
    request->flags |= IOSQE_BUFFER_SELECT;
    request->buf_group = net::Ring::kBufferGroup;
    if (many) request->ioprio |= IORING_RECV_MULTISHOT;
  }
  const Of about = accepts ? Of::accept : Of::receive;
  io_uring_sqe_set_data64(request, tag(socket, about));
  socket.asked = static_cast<std::uint8_t>(static_cast<unsigned>(about) | (many ? kMany : 0U));
  socket.ring.set(RingState::kReceiving);
  arm_again(socket);
}

/// With a request for many in the kernel, and nothing kept, the next wait takes no more than being
/// noted.
void IoUringEngine::arm_again(SocketRecord& socket) noexcept {
  socket.armed[0] = (socket.asked & kMany) != 0 && phase_ == Phase::running &&
                    !socket.ring.has(RingState::kStopping);
}

// Rarer ways to go on.

void IoUringEngine::look_again(Operation& operation) noexcept {
  SocketRecord& socket = *operation.socket;
  const unsigned direction = direction_of(operation);
  if (!is_carried(operation)) {
    ReadinessEngine::look_again(operation);
    return keep_watch(socket, direction);
  }
  socket.flags = static_cast<std::uint8_t>(socket.flags & ~queued_flag(direction));
  const bool in_kernel =
      socket.ring.has(direction == 0 ? RingState::kReceiving : RingState::kSending);
  if (canceled(*operation.task).load(std::memory_order_relaxed)) {
    if (direction == 1 && in_kernel) return stop_sending(socket);
    return fail_waiting(socket, direction, Errc::canceled);
  }
  const bool is_late = due_of(operation) <= now_;
  if (direction == 1 && in_kernel) return is_late ? stop_sending(socket) : void();
  if (direction == 1) return submit_send(operation, socket);
  if (has_something(operation, socket))
    return finish_waiting(operation, socket, take_something(operation, socket));
  const bool drains = phase_ != Phase::running && ends_in_drain(operation);
  if (in_kernel) return drains || is_late ? stop_reading(socket) : void();
  if (drains) return ReadinessEngine::look_again(operation);  // what the kernel has, it may take
  if (is_late) return ReadinessEngine::try_for_the_last_time(socket, 0);
  submit_reading(operation, socket);
}

void IoUringEngine::try_for_the_last_time(SocketRecord& socket, unsigned direction) noexcept {
  const auto bit = direction == 0 ? RingState::kReceiving : RingState::kSending;
  if (!is_carried(*socket.waiting[direction]) || !socket.ring.has(bit))
    return ReadinessEngine::try_for_the_last_time(socket, direction);
  // It may just have been handed over, or not even that: what comes of it is the answer.
  if (direction == 0)
    stop_reading(socket);
  else
    stop_sending(socket);
}

void IoUringEngine::stop_reading(SocketRecord& socket) noexcept {
  socket.armed[0] = false;
  if (socket.ring.has(RingState::kStopping)) return;
  if (ask_to_stop(socket, asked_for(socket)))
    socket.ring.set(RingState::kStopping);
  else if (socket.waiting[0] != nullptr && (socket.flags & SocketRecord::kQueuedRead) == 0)
    enqueue(*socket.waiting[0]);
}

void IoUringEngine::stop_sending(SocketRecord& socket) noexcept {
  if (socket.ring.has(RingState::kSendStopping)) return;
  if (ask_to_stop(socket, Of::send))
    socket.ring.set(RingState::kSendStopping);
  else
    enqueue(*socket.waiting[1]);
}

/// A completion's answer for an operation that is not queued.
void IoUringEngine::finish_waiting(Operation& operation, SocketRecord& socket,
                                   std::int64_t answer) noexcept {
  const unsigned direction = direction_of(operation);
  const Verdict verdict = operation.type->absorb(operation, socket, answer);
  if (verdict == Verdict::finished) {
    socket.active_at = now_;
    socket.waiting[direction] = nullptr;
    return resume(operation);
  }
  // An accept whose connection was refused: the request for many goes on, and may have brought
  // more.
  const bool has_to_wait = direction == 0 && socket.ring.has(RingState::kReceiving) &&
                           phase_ == Phase::running && !has_something(operation, socket);
  if (!has_to_wait) enqueue(operation);
}

void IoUringEngine::end_reading(SocketRecord& socket) noexcept {
  socket.ring.clear(RingState::kReceiving | RingState::kStopping);
  socket.armed[0] = false;
}

// Sending.

void IoUringEngine::on_unusual_send(SocketRecord& socket, int answer) noexcept {
  const bool stopped = socket.ring.has(RingState::kSendStopping);
  socket.ring.clear(RingState::kSending | RingState::kSendStopping);
  if ((socket.flags & SocketRecord::kQueuedWrite) != 0) {  // cancelled: it ends in its turn
    if (answer > 0) add(socket.info->sent, static_cast<std::uint64_t>(answer));
    return;
  }
  Operation& operation = *socket.waiting[1];
  if (answer == -EAGAIN && !stopped && arm(socket, WaitFor::writable)) return;
  if (answer < 0 && answer != -EAGAIN && answer != -ECANCELED && answer != -EINTR)
    return finish_waiting(operation, socket, answer);
  if (answer >= 0 && operation.type->absorb(operation, socket, answer) == Verdict::finished) {
    socket.active_at = now_;
    socket.waiting[1] = nullptr;
    return resume(operation);
  }
  send_rest(socket, stopped);
}

/// A part is gone, or none.
void IoUringEngine::send_rest(SocketRecord& socket, bool stopped) noexcept {
  Operation& operation = *socket.waiting[1];
  if (canceled(*operation.task).load(std::memory_order_relaxed))
    return fail_waiting(socket, 1, Errc::canceled);
  if (stopped) return ReadinessEngine::try_for_the_last_time(socket, 1);
  socket.active_at = now_;
  submit_send(operation, socket);
}

}  // namespace headrace::detail
