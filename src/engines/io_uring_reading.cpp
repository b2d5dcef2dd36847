// SPDX-License-Identifier: MIT
//
// What comes in under io_uring: bytes and connections, awaited or not. A receive for many brings
// them without being asked each time; what nobody awaits is kept, and after two buffers the kernel
// is asked to bring no more until somebody asks again.
//
// Only a stream whose last receive emptied it has a receive for many: one that floods would fill 32
// buffers at once before it could be stopped. Not here: how operations begin and end otherwise
// (io_uring_operations.cpp).
#include <algorithm>
#include <cerrno>
#include <utility>

#include "engines/io_uring.hpp"
#include "headrace/listener.hpp"

namespace headrace::detail {

namespace {

constexpr std::size_t kMostUnclaimed = 64;

bool is_awaited(const SocketRecord& socket) noexcept {
  return socket.waiting[0] != nullptr && (socket.flags & SocketRecord::kQueuedRead) == 0;
}

bool is_stream(const SocketRecord& socket) noexcept {
  return socket.transport == Transport::tcp || socket.transport == Transport::unix_stream;
}

}  // namespace

// Bytes.

void IoUringEngine::on_unusual_receive(SocketRecord& socket,
                                       const io_uring_cqe& completion) noexcept {
  const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
  const auto size = static_cast<std::uint32_t>(std::max(completion.res, 0));
  BufferBlock* block = nullptr;
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    const unsigned id = completion.flags >> IORING_CQE_BUFFER_SHIFT;
    block = is_awaited(socket) ? buffers_.lend(id, size) : buffers_.keep(id, size);
  }
  if (!more) end_reading(socket);
  if (block != nullptr && (size == 0 || (socket.flags & SocketRecord::kClosed) != 0))
    give_back(std::exchange(block, nullptr));
  if ((socket.flags & SocketRecord::kClosed) != 0) return let_go(socket);
  if (block == nullptr) return on_no_bytes(socket, completion.res);
  if ((completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0)
    socket.ring.clear(RingState::kPolite);
  else if (!more)
    socket.ring.set(RingState::kPolite);
  if (is_awaited(socket)) {
    Operation& operation = *socket.waiting[0];
    operation.lease.block = block;
    return finish_waiting(operation, socket, size);
  }
  socket.active_at = now_;
  hold(socket, block, size);
  const bool is_second = socket.unread->next != socket.unread;
  if (!more || !is_second) return;
  socket.ring.clear(RingState::kPolite);
  stop_reading(socket);
}

/// The kernel has let go of the request: is that the end of the stream?
void IoUringEngine::on_no_bytes(SocketRecord& socket, int answer) noexcept {
  if (answer == -ENOBUFS) return is_awaited(socket) ? starve(socket) : void();
  if (read_anew(socket, answer, net::RingFeature::multishot_receive)) return;
  if (is_awaited(socket)) {
    socket.waiting[0]->lease.block = nullptr;
    return finish_waiting(*socket.waiting[0], socket, answer);
  }
  socket.ring.set(RingState::kEnded);
  socket.ring.error = static_cast<std::uint8_t>(-answer);  // Linux has none above 133
}

/// `answer` says nothing about the socket: whoever waits, waits on.
bool IoUringEngine::read_anew(SocketRecord& socket, int answer, net::RingFeature way) noexcept {
  // Not only the first: others that were on their way are refused as well.
  const bool refused = answer == -EINVAL && (socket.asked & kMany) != 0;
  if (refused) ring_.lacks(way);
  const bool again = answer == -EAGAIN || answer == -EWOULDBLOCK;
  if (!refused && !again && answer != -ECANCELED && answer != -EINTR) return false;
  if (!is_awaited(socket)) return true;
  // Nobody looks at a deadline twice: what has passed is not to wait for a poll.
  const bool is_late = due_of(*socket.waiting[0]) <= now_;
  if (!again || is_late || !arm(socket, WaitFor::readable)) enqueue(*socket.waiting[0]);
  return true;
}

// Connections.

void IoUringEngine::on_accepted(SocketRecord& socket, const io_uring_cqe& completion) noexcept {
  const int answer = completion.res;
  if ((completion.flags & IORING_CQE_F_MORE) == 0) end_reading(socket);
  if ((socket.flags & SocketRecord::kClosed) != 0) {
    if (answer >= 0) (void)sys::close(answer);  // the listener is gone, and they with it
    return let_go(socket);
  }
  if (answer < 0 && read_anew(socket, answer, net::RingFeature::multishot_accept)) return;
  if (is_awaited(socket)) return finish_waiting(*socket.waiting[0], socket, answer);
  if (answer < 0) return;  // whoever accepts next is told
  unclaimed_.push_back({&socket, answer});
  if (unclaimed_.size() >= kMostUnclaimed && socket.ring.has(RingState::kReceiving))
    stop_reading(socket);
}

// What has come before anybody asked.

bool IoUringEngine::has_something(const Operation& operation, const SocketRecord& socket) noexcept {
  if (operation.type != &accept_operation)
    return socket.unread != nullptr || socket.ring.has(RingState::kEnded);
  return std::ranges::find(unclaimed_, &socket, &Unclaimed::listener) != unclaimed_.end();
}

/// As the kernel would answer; there is something.
std::int64_t IoUringEngine::take_something(Operation& operation, SocketRecord& socket) noexcept {
  if (operation.type == &accept_operation) {
    const auto first = std::ranges::find(unclaimed_, &socket, &Unclaimed::listener);
    const int descriptor = first->descriptor;
    unclaimed_.erase(first);
    return descriptor;
  }
  if (socket.unread == nullptr) {
    socket.ring.clear(RingState::kEnded);
    operation.lease.block = nullptr;
    return -std::int64_t{socket.ring.error};
  }
  BufferBlock* const first = socket.unread->next;
  if (first == socket.unread)
    socket.unread = nullptr;
  else
    socket.unread->next = first->next;
  operation.lease.block = first;
  return static_cast<ReceivedBlock*>(first)->size;
}

void IoUringEngine::hold(SocketRecord& socket, BufferBlock* block, std::uint32_t size) noexcept {
  static_cast<ReceivedBlock*>(block)->size = size;
  socket.armed[0] = false;  // so that whoever asks next looks here first
  BufferBlock* const last = socket.unread;
  block->next = last == nullptr ? block : last->next;
  if (last != nullptr) last->next = block;
  socket.unread = block;
}

void IoUringEngine::drop_unread(SocketRecord& socket) noexcept {
  if (!is_stream(socket)) return;  // no such thing: that is where a datagram socket has its side
  BufferBlock* const last = std::exchange(socket.unread, nullptr);
  if (last == nullptr) return;
  for (BufferBlock* block = std::exchange(last->next, nullptr); block != nullptr;)
    give_back(std::exchange(block, block->next));
}

void IoUringEngine::drop_unclaimed(const SocketRecord& listener) noexcept {
  std::erase_if(unclaimed_, [&listener](const Unclaimed& one) {
    if (one.listener != &listener) return false;
    (void)sys::close(one.descriptor);  // as closing the listener does to those in its queue
    return true;
  });
}

// Receives that found no buffer: again when there are some, in turn, and no more than there are.

void IoUringEngine::starve(SocketRecord& socket) noexcept {
  Operation& operation = *socket.waiting[0];
  buffers_.ran_dry();
  socket.flags |= SocketRecord::kQueuedRead;
  operation.next = nullptr;
  *starved_end_ = &operation;
  starved_end_ = &operation.next;
}

void IoUringEngine::feed_starved() noexcept {
  for (unsigned left = buffers_.in_ring(); starved_ != nullptr && left != 0; --left) {
    Operation& first = *starved_;
    starved_ = first.next;
    if (starved_ == nullptr) starved_end_ = &starved_;
    look_again(first);
  }
}

}  // namespace headrace::detail
