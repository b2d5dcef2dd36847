// SPDX-License-Identifier: MIT
//
// Datagram sockets: made, bound, given their options. See udp(7), ip(7), ipv6(7), unix(7).
#include "net/datagram_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/if.h>

namespace headrace::net {

namespace {

int set_option(int descriptor, int level, int name, int value) noexcept {
  return sys::setsockopt(descriptor, level, name, &value, sizeof value);
}

/// The number of a network interface; 0 for "".
Result<unsigned> interface_index(std::string_view name) noexcept {
  if (name.empty()) return 0U;
  std::array<char, IF_NAMESIZE> text{};
  if (name.size() >= text.size()) return fail(Errc::invalid_address, "no such network interface");
  std::ranges::copy(name, text.begin());
  const unsigned index = ::if_nametoindex(text.data());
  if (index == 0) return fail(Errc::invalid_address, "no such network interface");
  return index;
}

// Beyond net.core.rmem_max for a process that may.
int set_buffer(int descriptor, int name, int forced, std::uint32_t bytes) noexcept {
  if (bytes == 0) return 0;
  const int value = static_cast<int>(std::min(bytes, std::uint32_t{1} << 30));
  if (set_option(descriptor, SOL_SOCKET, forced, value) == 0) return 0;
  return set_option(descriptor, SOL_SOCKET, name, value);
}

// Else a group that any program here has joined is heard at every wildcard with that port. A kernel
// without the option (IPv6: before Linux 4.20) leaves it so.
void hear_joined_groups_only(int descriptor, int family) noexcept {
  (void)set_option(descriptor, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (family == AF_INET6) (void)set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

// Each option on both levels of a dual-stack socket: what it sends to IPv4 follows IPv4's.
int set_for_ip(int descriptor, int family, const DatagramOptions& options) noexcept {
  int error = 0;
  const auto set = [&](int level, int name, int value) {
    if (error == 0) error = set_option(descriptor, level, name, value);
  };
  if (options.ttl != 0) {
    set(IPPROTO_IP, IP_TTL, options.ttl);
    set(IPPROTO_IP, IP_MULTICAST_TTL, options.ttl);
  }
  if (!options.multicast_loop) set(IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  hear_joined_groups_only(descriptor, family);
  if (family != AF_INET6) return error;
  if (options.ttl != 0) {
    set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, options.ttl);
    set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options.ttl);
  }
  if (!options.multicast_loop) set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  return error;
}

// Each on both levels of a dual-stack socket: IPv4 comes with what IPv4 was asked for.
int set_on_both(int descriptor, int family, int ipv4_name, int ipv6_name, int value) noexcept {
  const int error = set_option(descriptor, IPPROTO_IP, ipv4_name, value);
  if (error != 0 || family != AF_INET6) return error;
  return set_option(descriptor, IPPROTO_IPV6, ipv6_name, value);
}

// Of a socket that has all addresses an answer would leave from the one that the route prefers, and
// whoever asked at another would not know it for an answer.
int ask_for_host(int descriptor, const SocketAddress& at) noexcept {
  if (!to_endpoint(at).is_wildcard()) return 0;
  return set_on_both(descriptor, at.family(), IP_PKTINFO, IPV6_RECVPKTINFO, 1);
}

// Groups by their own option; the limited broadcast address by that for unicast.
int set_interface(int descriptor, int family, unsigned index) noexcept {
  if (index == 0) return 0;
  const ip_mreqn request{{}, {}, static_cast<int>(index)};
  int error = sys::setsockopt(descriptor, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
  if (error == 0)
    error = set_option(descriptor, IPPROTO_IP, IP_UNICAST_IF, static_cast<int>(htonl(index)));
  if (error == 0 && family == AF_INET6)
    error = set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(index));
  return error;
}

int set_options(int descriptor, int family, const DatagramOptions& options,
                unsigned index) noexcept {
  int error = set_option(descriptor, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (error == 0) error = set_buffer(descriptor, SO_RCVBUF, SO_RCVBUFFORCE, options.receive_buffer);
  if (error == 0) error = set_buffer(descriptor, SO_SNDBUF, SO_SNDBUFFORCE, options.send_buffer);
  if (error != 0 || family == AF_UNIX) return error;
  if (family == AF_INET6)  // dual stack, whatever net.ipv6.bindv6only says
    error = set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (error == 0 && options.broadcast) error = set_option(descriptor, SOL_SOCKET, SO_BROADCAST, 1);
  if (error == 0 && options.shared) error = set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (error == 0) error = set_for_ip(descriptor, family, options);
  if (error == 0) error = set_interface(descriptor, family, index);
  return error;
}

}  // namespace

Endpoint to_endpoint(const SocketAddress& address) noexcept {
  Endpoint endpoint;
  const std::uint32_t size = std::min<std::uint32_t>(address.length, Endpoint::kCapacity);
  std::memcpy(endpoint.data(), &address.storage, size);
  endpoint.set_size(size);
  return endpoint;
}

SocketAddress to_socket_address(const Endpoint& endpoint) noexcept {
  SocketAddress address;
  std::memcpy(&address.storage, endpoint.data(), endpoint.size());
  address.length = endpoint.size();
  return address;
}

Result<Socket> make_datagram_socket(int family, const DatagramOptions& options, Blocking blocking) {
  const auto index = interface_index(options.interface);
  if (!index) return std::unexpected(index.error());
  const int wait = blocking == Blocking::no ? SOCK_NONBLOCK : 0;
  const int descriptor = sys::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | wait, 0);
  if (descriptor < 0) return fail_errno("socket", -descriptor);
  Socket made{descriptor};
  const int error = set_options(descriptor, family, options, *index);
  if (error < 0) return fail_errno("setsockopt", -error);
  return made;
}

Result<Socket> bind_datagrams(const SocketAddress& at, const DatagramOptions& options,
                              Sharing sharing, Blocking blocking) {
  auto socket = make_datagram_socket(at.family(), options, blocking);
  if (!socket) return socket;
  const int descriptor = socket->descriptor();
  int error = 0;
  if (sharing == Sharing::join) error = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (error == 0) error = ask_for_host(descriptor, at);
  if (error < 0) return fail_errno("setsockopt", -error);
  error = sys::bind(descriptor, at.get(), at.length);
  if (error < 0) return fail_errno("bind", -error);
  if (sharing == Sharing::first) error = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (error < 0) return fail_errno("setsockopt", -error);
  return socket;
}

Result<Socket> bind_unnamed(const DatagramOptions& options, Blocking blocking) {
  auto socket = make_datagram_socket(AF_UNIX, options, blocking);
  if (!socket) return socket;
  const sockaddr family_only{.sa_family = AF_UNIX, .sa_data = {}};
  const int error = sys::bind(socket->descriptor(), &family_only, sizeof(sa_family_t));
  if (error < 0) return fail_errno("bind", -error);
  return socket;
}

void close_to_new(int descriptor) noexcept {
  sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &nothing};
  // Without memory for it the socket stays open, until it is closed: the drain ends all the same.
  (void)sys::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

Result<> mark_as_answers(int descriptor, int family) noexcept {
  if (family == AF_UNIX) return {};
  int error = set_on_both(descriptor, family, IP_TOS, IPV6_TCLASS, kAnswerMark);
  if (error == 0) error = set_on_both(descriptor, family, IP_RECVTOS, IPV6_RECVTCLASS, 1);
  if (error < 0) return fail_errno("setsockopt", -error);
  return {};
}

std::uint32_t drops_of(int descriptor) noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> about{};
  socklen_t size = sizeof about;
  if (sys::getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, about.data(), &size) < 0) return 0;
  return about[SK_MEMINFO_DROPS];
}

bool is_at(const Endpoint& who, const Endpoint& bound) noexcept {
  if (who.port() != bound.port()) return false;
  if (who == bound) return true;
  // A wildcard cannot be sent to; of other hosts behind it the kernel is asked.
  return !who.is_unix() && bound.port() != 0 && bound.is_wildcard() &&
         is_own_address(to_socket_address(who));
}

Result<> change_membership(int descriptor, const Endpoint& group, std::string_view interface,
                           Membership change) noexcept {
  if (!group.is_multicast()) return fail(Errc::invalid_address, "not a multicast group");
  const auto index = interface_index(interface);
  if (!index) return std::unexpected(index.error());
  group_req request{};
  request.gr_interface = *index;
  std::memcpy(&request.gr_group, group.data(), group.size());
  // A link-local group says its interface by its zone.
  if (request.gr_group.ss_family == AF_INET6 && *index == 0)
    request.gr_interface = reinterpret_cast<const sockaddr_in6*>(group.data())->sin6_scope_id;
  const int level = request.gr_group.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  const int name = change == Membership::join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  const int error = sys::setsockopt(descriptor, level, name, &request, sizeof request);
  if (error == -ENODEV) return fail(Errc::address_unavailable, "no interface for that group");
  if (error < 0) return fail_errno("setsockopt", -error);
  return {};
}

}  // namespace headrace::net
