// SPDX-License-Identifier: MIT
//
// The usual course of receive and send, in line: what nearly every message takes, so that an engine
// can have it within its own loop, without a call through the operation's type. What is rare about
// them stands apart (socket_operations.cpp), where their types are too.
#pragma once

#include "engines/buffer_pool.hpp"
#include "engines/operation_type.hpp"
#include "engines/socket_record.hpp"
#include "headrace/stream.hpp"
#include "net/system_calls.hpp"

namespace headrace::detail {

// The rare.

/// There is no block to receive into.
Verdict receive_nowhere(Operation& operation, SocketRecord& socket) noexcept;
/// recv(2) has brought no bytes: `answer` is 0 or a negative errno.
Verdict end_receive(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept;
/// send(2) has failed: `answer` is a negative errno.
Verdict end_send(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept;
void tell_message(SocketRecord& socket, const Operation& operation) noexcept;

// receive: recv(2) into a block of the engine's.

/// `size` bytes have come into a block that `operation` has.
[[gnu::always_inline]] inline Verdict note_bytes(Operation& operation, SocketRecord& socket,
                                                 std::uint32_t size) noexcept {
  operation.lease.begin = BufferPool::kHeadroom;
  operation.lease.size = size;
  ConnectionInfo& info = *socket.info;
  add(info.received, size);
  add(info.messages, 1);
  return finish(operation);
}

/// The same by recv(2), told to nobody but who receives them.
[[gnu::always_inline]] inline Verdict take_untold(Operation& operation, SocketRecord& socket,
                                                  std::uint32_t size) noexcept {
  socket.ready[0] = size >= socket.trusted_below;
  return note_bytes(operation, socket, size);
}

[[gnu::always_inline]] inline Verdict take_received(Operation& operation, SocketRecord& socket,
                                                    std::int64_t answer) noexcept {
  if (answer <= 0) [[unlikely]]
    return end_receive(operation, socket, answer);
  const Verdict verdict = take_untold(operation, socket, static_cast<std::uint32_t>(answer));
  if ((socket.flags & SocketRecord::kWatched) != 0) [[unlikely]]
    tell_message(socket, operation);
  return verdict;
}

/// The answer of recv(2) into a fresh block, which `operation` has from here on.
[[gnu::always_inline]] inline std::int64_t receive_into(Operation& operation, SocketRecord& socket,
                                                        BufferBlock* block) noexcept {
  operation.lease.block = block;
  return sys::recv(socket.descriptor, BufferPool::bytes_in(block), BufferPool::kCapacity,
                   socket.receive_flags);
}

// send: send(2) of what is left.

[[gnu::always_inline]] inline Verdict take_sent(Operation& operation, SocketRecord& socket,
                                                std::int64_t answer) noexcept {
  if (answer < 0) [[unlikely]]
    return end_send(operation, socket, answer);
  const auto gone = static_cast<std::size_t>(answer);
  add(socket.info->sent, gone);
  if (gone == operation.sending.size()) [[likely]]
    return finish(operation);
  operation.sending = operation.sending.subspan(gone);
  return Verdict::progressed;
}

[[gnu::always_inline]] inline Verdict send_now(Operation& operation,
                                               SocketRecord& socket) noexcept {
  return take_sent(operation, socket,
                   sys::send(socket.descriptor, operation.sending.data(), operation.sending.size(),
                             MSG_NOSIGNAL));
}

}  // namespace headrace::detail
