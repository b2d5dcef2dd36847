// SPDX-License-Identifier: MIT
//
// Asking for a dump is one message there and many back, in datagrams of up to 32 KiB that the
// kernel fills as we take them. A dump that is not read to its end makes the next request fail
// (EBUSY), so an error on the way costs the socket: it is opened anew.
#include "tcp_state/diag_socket.hpp"

#include <array>
#include <cerrno>

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "net/system_calls.hpp"

namespace headrace::tcp {

namespace {

constexpr std::size_t kDatagram = 64 * 1024;
constexpr int kBuffer = 4 * 1024 * 1024;  // for bursts of ended sockets
constexpr int kMostAtOnce = 20000;        // messages a read

Result<net::Socket> open_netlink() {
  const int descriptor = sys::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (descriptor < 0) return fail_errno("socket (netlink sock_diag)", descriptor);
  return net::Socket{descriptor};
}

}  // namespace

// The dump.

DiagSocket::DiagSocket(net::Socket socket) : socket_{std::move(socket)}, room_(kDatagram) {}

Result<DiagSocket> DiagSocket::open() {
  auto socket = open_netlink();
  if (!socket) return std::unexpected(socket.error());
  return DiagSocket{std::move(*socket)};
}

Result<DiagSocket::Dump> DiagSocket::dump(const TcpFilter& filter, const Visitor& visitor) {
  Dump dump;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto done = dump_family(family, filter, visitor, dump);
    if (done) continue;
    if (auto again = open_netlink()) socket_ = std::move(*again);
    return std::unexpected(done.error());
  }
  return dump;
}

Result<> DiagSocket::dump_family(int family, const TcpFilter& filter, const Visitor& visitor,
                                 Dump& dump) {
  alignas(nlmsghdr) std::array<std::byte, 1024> room{};
  const Bytes request = write_dump_request(room, family, filter, ++number_);
  const ssize_t sent = sys::send(socket_.descriptor(), request.data(), request.size(), 0);
  if (sent < 0) return fail_errno("send (sock_diag)", static_cast<int>(sent));
  while (true) {
    const auto datagram = receive();
    if (!datagram) return std::unexpected(datagram.error());
    const DatagramEnd end = read_datagram(*datagram, number_, visitor);
    if (end.interrupted) dump.consistent = false;
    // ENOENT: the kernel has no inet_diag or tcp_diag, or is without IPv6.
    if (end.error == ENOENT && family == AF_INET)
      return std::unexpected(
          Failure{.call = "sock_diag: the kernel lacks tcp_diag (modprobe tcp_diag)",
                  .error = ENOENT,
                  .code = Errc::not_supported});
    if (end.error != 0 && end.error != ENOENT) return fail_errno("sock_diag", -end.error);
    if (end.done) return {};
  }
}

Result<Bytes> DiagSocket::receive() {
  while (true) {
    const ssize_t size = sys::recv(socket_.descriptor(), room_.data(), room_.size(), MSG_TRUNC);
    if (size == -EINTR) continue;
    if (size < 0) return fail_errno("recv (sock_diag)", static_cast<int>(size));
    if (static_cast<std::size_t>(size) > room_.size())
      return fail_errno("recv (sock_diag)", -EMSGSIZE);
    return Bytes{room_}.first(static_cast<std::size_t>(size));
  }
}

// Sockets that end.

DestroyedSockets::DestroyedSockets(net::Socket socket)
    : socket_{std::move(socket)}, room_(kDatagram) {}

Result<DestroyedSockets> DestroyedSockets::open(const TcpFilter& filter) {
  auto socket = open_netlink();
  if (!socket) return std::unexpected(socket.error());
  DestroyedSockets destroyed{std::move(*socket)};
  if (auto set = destroyed.set_filter(filter); !set) return std::unexpected(set.error());

  const int descriptor = destroyed.descriptor();
  // As much as we may have: the first takes CAP_NET_ADMIN, the second stays below rmem_max.
  if (sys::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) < 0)
    (void)sys::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      1U << (SKNLGRP_INET_TCP_DESTROY - 1U) | 1U << (SKNLGRP_INET6_TCP_DESTROY - 1U);
  const int bound =
      sys::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (bound < 0) return fail_errno("bind (messages about ended sockets)", bound);
  return destroyed;
}

Result<> DestroyedSockets::set_filter(const TcpFilter& filter) const noexcept {
  // Offsets in the message: the netlink header has 16 bytes, the ports follow 4 bytes behind it.
  constexpr std::uint32_t kLocalPort = 20;
  constexpr std::uint32_t kRemotePort = 22;
  constexpr std::uint32_t kTakeAll = 0xffffffff;
  std::array program{
      sock_filter{BPF_LD | BPF_H | BPF_ABS, 0, 0, kLocalPort},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 2, 0, filter.port},
      sock_filter{BPF_LD | BPF_H | BPF_ABS, 0, 0, kRemotePort},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, filter.port},
      sock_filter{BPF_RET | BPF_K, 0, 0, kTakeAll},
      sock_filter{BPF_RET | BPF_K, 0, 0, 0},
  };
  constexpr std::size_t kAccept = 4;
  const bool all = filter.port == 0;
  const sock_fprog attached{static_cast<unsigned short>(all ? 1 : program.size()),
                            program.data() + (all ? kAccept : 0)};
  const int set =
      sys::setsockopt(descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached);
  if (set < 0) return fail_errno("setsockopt (SO_ATTACH_FILTER)", set);
  return {};
}

Result<> DestroyedSockets::read(const Visitor& visitor, TcpSourceStatus& status) {
  for (int taken = 0; taken < kMostAtOnce; ++taken) {
    const ssize_t size = sys::recv(descriptor(), room_.data(), room_.size(), MSG_DONTWAIT);
    if (size == -EAGAIN) return {};
    if (size == -EINTR) continue;
    if (size == -ENOBUFS) {  // how many were lost the kernel does not say
      ++status.gaps;
      continue;
    }
    if (size < 0) return fail_errno("recv (messages about ended sockets)", static_cast<int>(size));
    ++status.read;
    // A malformed one is passed over: the next is another's.
    (void)read_datagram(Bytes{room_}.first(static_cast<std::size_t>(size)), 0, visitor);
  }
  return {};
}

}  // namespace headrace::tcp
