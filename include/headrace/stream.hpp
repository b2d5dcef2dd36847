// SPDX-License-Identifier: MIT
//
// Stream: one connected peer.
#pragma once

#include <utility>

#include "headrace/address.hpp"
#include "headrace/operation.hpp"

namespace headrace {

class Engine;

namespace detail {

extern const OperationType receive_operation;
extern const OperationType send_operation;

}  // namespace detail

/// A connected byte stream: TCP or Unix.
///
/// Owns its socket; destroying it closes it without waiting. The kernel still delivers queued
/// bytes, unless received bytes were left unread: then it sends RST (RFC 1122, 4.2.2.13). Only
/// while a server drains does closing also wait, out of the way of everybody, for the peer's FIN.
/// Belongs to the engine that made it: use it only from tasks of that engine. One receive and one
/// send at a time.
class Stream {
 public:
  explicit Stream(detail::SocketRecord* socket) noexcept : socket_{socket} {}
  Stream(Stream&& other) noexcept : socket_{std::exchange(other.socket_, nullptr)} {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Stream() {
    if (socket_ != nullptr) detail::close(socket_);
  }

  /// The next bytes from the peer, in a buffer lent by the engine; from 1 byte to 64 KiB, as many
  /// as are there.
  ///
  /// Failures: `end_of_stream` (the peer sent FIN and will send no more; it may still read: see
  /// `shutdown_send`), `timed_out` at `deadline` or after the server's idle timeout, `reset` (RST),
  /// `canceled`, `draining` (the server is stopping and nothing is queued), `out_of_memory`. After
  /// `timed_out` the stream is still good. See recv(2), RFC 9293 section 3.6.
  Awaitable<Result<Buffer>> receive(Deadline deadline) noexcept {
    return {detail::receive_operation, socket_, deadline};
  }
  /// The same without a deadline of its own.
  Awaitable<Result<Buffer>, detail::start_receive> receive() noexcept {
    return {detail::receive_operation, socket_, Deadline::never()};
  }

  /// Sends all of `bytes`, which must stay valid until this completes. All or a failure, never a
  /// silent part.
  ///
  /// Waits while the kernel's send buffer is full: a slow peer slows the caller, nothing is queued
  /// here. Failures: as for `receive` (but `end_of_stream` and `draining`), and `broken_pipe` when
  /// the peer has closed. A failed send may have sent a part: afterwards the stream can only be
  /// closed. Never raises SIGPIPE. See send(2).
  Awaitable<Result<>> send(ByteView bytes, Deadline deadline) noexcept {
    return {detail::send_operation, socket_, deadline, bytes};
  }
  /// The same without a deadline of its own.
  Awaitable<Result<>, detail::start_send> send(ByteView bytes) noexcept {
    return {detail::send_operation, socket_, Deadline::never(), bytes};
  }
  /// The same for bytes just received: no view of them has to live in the caller's frame.
  Awaitable<Result<>, detail::start_send> send(const Buffer& bytes) noexcept {
    return {detail::send_operation, socket_, Deadline::never(), bytes};
  }

  /// Sends FIN behind everything sent so far; receiving goes on. Fails with `broken_pipe` when the
  /// connection is gone. See shutdown(2).
  [[nodiscard]] Result<> shutdown_send() noexcept;

  /// The other side, as it was when the connection was made (a peer that has reset keeps its
  /// address).
  [[nodiscard]] Address peer() const noexcept;

  /// Our side.
  [[nodiscard]] Address local() const noexcept;

  /// The number of the connection within its server, counted from 1; 0 for one made with
  /// `connect()`.
  [[nodiscard]] std::uint64_t id() const noexcept;

  [[nodiscard]] Engine& engine() const noexcept;

 private:
  detail::SocketRecord* socket_;
};

template <>
Result<Stream> detail::take(Operation& operation) noexcept;

}  // namespace headrace
