// SPDX-License-Identifier: MIT
//
// The operations on datagram sockets: receive from whoever sends, send to somebody, post (a send
// that is not told how it went). Each datagram comes and goes whole.
//
// Not here: how sockets are made (datagram_sockets.cpp), deadlines and cancelling (the engines).
#include <algorithm>
#include <cerrno>

#include "engines/datagram_batch.hpp"
#include "engines/datagram_control.hpp"
#include "engines/engine_core.hpp"

namespace headrace::detail {

namespace {

// Of a batch so many are as much work as one operation.
constexpr int kDatagramsForOne = 4;

Verdict must_wait(SocketRecord& socket, WaitFor direction) noexcept {
  socket.ready[static_cast<std::size_t>(direction)] = false;
  return Verdict::would_wait;
}

// An error belongs to one datagram, or to one sent before: it says nothing about the socket.
Verdict fail_operation(Operation& operation, std::int64_t answer) noexcept {
  return finish(operation, Failure::from_errno(operation.type->call, static_cast<int>(-answer)));
}

bool is_again(std::int64_t answer) noexcept { return answer == -EAGAIN || answer == -EWOULDBLOCK; }

const Outgoing& outgoing_of(const Operation& operation) noexcept {
  return *static_cast<const Outgoing*>(operation.target);
}

// receive_from: recvmsg(2) into a block of the engine's.

void tell_datagram(SocketRecord& socket, const Operation& operation) noexcept {
  const Lease& lease = operation.lease;
  const auto* const bytes = reinterpret_cast<const std::byte*>(lease.block) + lease.begin;
  socket.engine->observer()->datagram(*socket.datagram, head_of(lease.block).sender,
                                      {bytes, lease.size});
}

Verdict give_received(Operation& operation, SocketRecord& socket, const Lease& lease) noexcept {
  operation.lease = lease;
  DatagramTally& tally = *socket.datagram->tally;
  add(tally.received, 1);
  add(tally.bytes_received, lease.size);
  if (head_of(lease.block).truncated) [[unlikely]]
    add(tally.truncated, 1);
  if ((socket.flags & SocketRecord::kWatched) != 0) [[unlikely]]
    tell_datagram(socket, operation);
  return finish(operation);
}

Verdict end_receive(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  if (is_again(answer)) return must_wait(socket, WaitFor::readable);
  if (answer == -EINTR) return Verdict::progressed;
  return fail_operation(operation, answer);
}

Verdict absorb_receive_from(Operation& operation, SocketRecord& socket,
                            std::int64_t answer) noexcept {
  BufferBlock* const block = operation.lease.block;
  if (answer >= 0)
    return give_received(operation, socket,
                         {block, BufferPool::kHeadroom, static_cast<std::uint32_t>(answer)});
  if (block != nullptr) block->pool->give(block);
  return end_receive(operation, socket, answer);
}

Verdict attempt_receive_from(Operation& operation, SocketRecord& socket) noexcept {
  DatagramBatch& batch = *socket.datagram->batch;
  if (batch.has_received()) {
    socket.engine->charge(-1);
  } else {
    // What has been answered goes out first: its blocks are those that are still in the cache.
    if (batch.has_many_posted()) batch.send_posted();
    const int answer = batch.read_ahead();
    if (answer <= 0) return end_receive(operation, socket, answer);
    socket.engine->charge(answer / kDatagramsForOne);
  }
  const Lease first = batch.take();
  socket.ready[0] = batch.has_received() || !batch.has_emptied_socket();
  return give_received(operation, socket, first);
}

void describe_receive_from(const Operation&, const SocketRecord& socket,
                           Submission& request) noexcept {
  request = {Submission::Call::recvmsg, socket.descriptor, nullptr, BufferPool::kCapacity,
             socket.receive_flags};
}

// send_to: sendmsg(2).

// A Unix socket that is not connected is writable whatever its receiver's queue is like: nothing
// would tell when to try again.
int send_flags(const Operation& operation, const SocketRecord& socket) noexcept {
  const bool never_waits =
      socket.transport == Transport::unix_datagram && outgoing_of(operation).to != nullptr;
  return MSG_NOSIGNAL | (never_waits ? MSG_DONTWAIT : 0);
}

Verdict take_sent(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  DatagramTally& tally = *socket.datagram->tally;
  if (answer >= 0) {
    add(tally.sent, 1);
    add(tally.bytes_sent, static_cast<std::uint64_t>(answer));
    return finish(operation);
  }
  if (answer == -EINTR) return Verdict::progressed;
  if (is_again(answer)) {
    if ((send_flags(operation, socket) & MSG_DONTWAIT) == 0)
      return must_wait(socket, WaitFor::writable);
    return finish(operation, {"sendmsg", EAGAIN, Errc::would_wait});
  }
  add(tally.failed, 1);
  return fail_operation(operation, answer);
}

/// What was posted before goes out before; false if it cannot.
bool sends_posted(SocketRecord& socket) noexcept {
  DatagramBatch& batch = *socket.datagram->batch;
  if (batch.has_posted()) batch.send_posted();
  return !batch.has_posted() || socket.transport == Transport::unix_datagram;
}

Verdict attempt_send_to(Operation& operation, SocketRecord& socket) noexcept {
  if (!sends_posted(socket)) return must_wait(socket, WaitFor::writable);
  return take_sent(operation, socket,
                   send_datagram(socket.descriptor, outgoing_of(operation),
                                 send_flags(operation, socket), *socket.datagram));
}

void describe_send_to(const Operation& operation, const SocketRecord& socket,
                      Submission& request) noexcept {
  request = {Submission::Call::sendmsg, socket.descriptor, operation.target, 1,
             send_flags(operation, socket)};
}

// post: the same, but a failure is counted and that is all. An event loop collects them.

Verdict absorb_post(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  const Verdict verdict = take_sent(operation, socket, answer);
  if (verdict != Verdict::finished || answer >= 0) return verdict;
  if (is_again(answer)) add(socket.datagram->tally->failed, 1);
  return finish(operation);
}

/// The datagram in a block of its own: the one it came in, or a copy. Null when there is no memory.
Lease block_for(Outgoing& outgoing, SocketRecord& socket) noexcept {
  const auto size = static_cast<std::uint32_t>(outgoing.bytes.size());
  if (outgoing.block != nullptr)
    return {std::exchange(outgoing.block, nullptr), BufferPool::kHeadroom, size};
  BufferBlock* const block = socket.engine->buffers.take();
  if (block == nullptr) return {};
  std::ranges::copy(outgoing.bytes, BufferPool::bytes_in(block));
  head_of(block).sender = *outgoing.to;
  head_of(block).host.family = OwnHost::Family::unknown;
  return {block, BufferPool::kHeadroom, size};
}

Verdict attempt_post(Operation& operation, SocketRecord& socket) noexcept {
  DatagramBatch& batch = *socket.datagram->batch;
  // It lies in the awaiter, which is not const.
  auto& outgoing = const_cast<Outgoing&>(outgoing_of(operation));
  if (outgoing.bytes.size() > BufferPool::kCapacity)
    return absorb_post(operation, socket, -EMSGSIZE);
  if (batch.is_full()) batch.send_posted();
  if (batch.is_full() && !batch.give_up_oldest()) return must_wait(socket, WaitFor::writable);
  const Lease bytes = block_for(outgoing, socket);
  if (bytes.block == nullptr) return finish(operation, {"mmap", ENOMEM, Errc::out_of_memory});
  batch.post(bytes);
  socket.engine->send_later(socket);
  socket.engine->charge(-1);
  return finish(operation);
}

}  // namespace

ssize_t receive_datagram(int descriptor, BufferBlock* block, int flags,
                         DatagramSide& side) noexcept {
  iovec bytes{};
  ReceivedControl control;
  msghdr message = receiving(bytes, control);
  receive_into(block, message);
  const ssize_t answer = sys::recvmsg(descriptor, &message, flags);
  if (answer >= 0) take_head(block, message, side);
  return answer;
}

ssize_t send_datagram(int descriptor, const Outgoing& outgoing, int flags,
                      const DatagramSide& side) noexcept {
  if (outgoing.to != nullptr && side.holds_back(*outgoing.to)) return -EAGAIN;
  iovec bytes{};
  SentControl control;
  msghdr message = sending(outgoing, bytes);
  if (outgoing.block != nullptr) control.send_from(head_of(outgoing.block).host, message);
  return sys::sendmsg(descriptor, &message, flags);
}

const OperationType receive_from_operation{"recvmsg",
                                           WaitFor::readable,
                                           true,
                                           false,
                                           false,
                                           attempt_receive_from,
                                           start_with<attempt_receive_from>,
                                           absorb_receive_from,
                                           describe_receive_from,
                                           nullptr};
const OperationType send_to_operation{"sendmsg",
                                      WaitFor::writable,
                                      false,
                                      false,
                                      false,
                                      attempt_send_to,
                                      start_with<attempt_send_to>,
                                      take_sent,
                                      describe_send_to,
                                      nullptr};
const OperationType post_operation{
    "sendmsg",   WaitFor::writable, false,  false, false, attempt_post, start_with<attempt_post>,
    absorb_post, describe_send_to,  nullptr};

}  // namespace headrace::detail
