// SPDX-License-Identifier: MIT
//
// Listener: a socket that peers connect to.
#pragma once

#include "headrace/address.hpp"
#include "headrace/stream.hpp"

namespace headrace {

namespace detail {
extern const OperationType accept_operation;
}

/// How many finished handshakes may wait to be accepted; the kernel cuts it to net.core.somaxconn.
/// See listen(2).
struct Backlog {
  int connections = 4096;
};

/// A listening TCP or Unix socket on an engine. Destroying it closes it, and unlinks the path of a
/// Unix socket.
class Listener {
 public:
  /// Binds and listens. With SO_REUSEADDR, so a port in TIME_WAIT is no obstacle; a port that
  /// anybody listens on is. A stale Unix path (nobody answers) is replaced, under a lock file; the
  /// new one has mode 0600.
  ///
  /// Failures: `address_in_use`, `address_unavailable`, `permission_denied`, `name_not_found`,
  /// `invalid_address` (a datagram transport), `too_many_descriptors`. See bind(2), unix(7).
  [[nodiscard]] static Result<Listener> open(Engine& engine, const Address& at,
                                             Backlog backlog = {});

  explicit Listener(detail::SocketRecord* socket) noexcept;
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  /// The next connection. A peer that has left before it was accepted is skipped.
  ///
  /// Failures: `timed_out`, `canceled`, `too_many_descriptors` and `out_of_memory` (the connection
  /// stays queued: wait a little and try again), `system_error`. See accept(2).
  Awaitable<Result<Stream>> accept(Deadline deadline = Deadline::never()) noexcept {
    return {detail::accept_operation, socket_, deadline};
  }

  /// The address bound, with the port the kernel chose.
  [[nodiscard]] Address address() const noexcept;

 private:
  struct File;  // the path of a Unix socket

  detail::SocketRecord* socket_;
  File* file_ = nullptr;  // owned; a std::unique_ptr costs each includer 2% of its compile time
};

}  // namespace headrace
