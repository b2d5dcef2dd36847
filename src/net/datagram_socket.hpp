// SPDX-License-Identifier: MIT
//
// How datagram sockets are opened, bound and told what to do. Knows no engine. Not here: sending
// and receiving (src/engines), the file of a Unix socket (unix_path.hpp).
#pragma once

#include "headrace/datagram.hpp"
#include "net/socket.hpp"

namespace headrace::net {

/// The differentiated services codepoint 000111: one that is nobody's, for local use (RFC 2474,
/// section 6, pool 2), and that switches and Linux queues treat as no codepoint at all.
inline constexpr int kAnswerMark = 0b000111 << 2;

[[nodiscard]] Endpoint to_endpoint(const SocketAddress& address) noexcept;
[[nodiscard]] SocketAddress to_socket_address(const Endpoint& endpoint) noexcept;

/// A datagram socket of `family` that is bound nowhere, with all that every one of ours has: drops
/// are told with what is received (SO_RXQ_OVFL), an IPv6 socket takes IPv4 too, and of what is sent
/// to groups only that to those it has joined is heard (IP_MULTICAST_ALL).
[[nodiscard]] Result<Socket> make_datagram_socket(int family, const DatagramOptions& options,
                                                  Blocking blocking);

/// The same, bound. `first` binds alone, and opens the port to our own workers afterwards
/// (SO_REUSEPORT): UDP joins the group at bind(2), so a second server, which begins alone as well,
/// gets `address_in_use` whether or not either of them has workers. `join`: a further worker. At a
/// wildcard the kernel says with each datagram which address it was sent to (IP_PKTINFO).
[[nodiscard]] Result<Socket> bind_datagrams(const SocketAddress& at, const DatagramOptions& options,
                                            Sharing sharing, Blocking blocking);

/// The same for a Unix socket without a path: the kernel chooses an abstract name (unix(7),
/// "Autobind").
[[nodiscard]] Result<Socket> bind_unnamed(const DatagramOptions& options, Blocking blocking);

/// From now on the kernel drops what comes for the socket; what is queued stays.
void close_to_new(int descriptor) noexcept;

/// From now on everything that is sent from the socket carries the mark of an answer in its IP
/// header, and the kernel says with each datagram what it carries. Nothing for a Unix socket.
[[nodiscard]] Result<> mark_as_answers(int descriptor, int family) noexcept;

/// Whether a datagram with this IP_TOS or IPV6_TCLASS is an answer. Routers may write on the two
/// lowest bits (RFC 3168).
[[nodiscard]] constexpr bool is_mark(int traffic_class) noexcept {
  return (traffic_class & ~3) == kAnswerMark;
}

/// How many datagrams the kernel has dropped that were for the socket; 0 where it does not say.
[[nodiscard]] std::uint32_t drops_of(int descriptor) noexcept;

/// Whether `who` is a socket bound at `bound`: the same port, and the same host or, behind a
/// wildcard, one of this machine's.
[[nodiscard]] bool is_at(const Endpoint& who, const Endpoint& bound) noexcept;

enum class Membership : std::uint8_t { join, leave };
[[nodiscard]] Result<> change_membership(int descriptor, const Endpoint& group,
                                         std::string_view interface, Membership change) noexcept;

}  // namespace headrace::net
