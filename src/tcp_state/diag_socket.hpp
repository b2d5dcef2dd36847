// SPDX-License-Identifier: MIT
//
// Two netlink sockets: one that asks sock_diag(7) for all sockets, one that hears of those that
// end. Not here: what a row says (diag_message.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "headrace/tcp_state.hpp"
#include "net/socket.hpp"
#include "tcp_state/diag_message.hpp"

namespace headrace::tcp {

class DiagSocket {
 public:
  [[nodiscard]] static Result<DiagSocket> open();

  struct Dump {
    bool consistent = true;
    std::uint64_t rows = 0;
  };
  /// The sockets of both families that `filter` means, but for its pid. Waits for the kernel, which
  /// answers at once.
  [[nodiscard]] Result<Dump> dump(const TcpFilter& filter, const Visitor& visitor);

 private:
  explicit DiagSocket(net::Socket socket);
  Result<> dump_family(int family, const TcpFilter& filter, const Visitor& visitor, Dump& dump);
  [[nodiscard]] Result<Bytes> receive();

  net::Socket socket_;
  std::vector<std::byte> room_;
  std::uint32_t number_ = 0;
};

/// The kernel's messages about sockets that end, with their last figures; those of closed TIME-WAIT
/// sockets do not exist. Comes in bursts; what does not fit the receive buffer is lost, and told.
class DestroyedSockets {
 public:
  [[nodiscard]] static Result<DestroyedSockets> open(const TcpFilter& filter);
  [[nodiscard]] int descriptor() const noexcept { return socket_.descriptor(); }
  /// Takes what is there, at most so many messages. Counts into `status`.
  Result<> read(const Visitor& visitor, TcpSourceStatus& status);
  /// Only these ports from now on; a filter in the kernel, on the message as it is sent.
  [[nodiscard]] Result<> set_filter(const TcpFilter& filter) const noexcept;

 private:
  explicit DestroyedSockets(net::Socket socket);
  net::Socket socket_;
  std::vector<std::byte> room_;
};

}  // namespace headrace::tcp
