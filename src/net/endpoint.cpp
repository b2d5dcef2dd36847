// SPDX-License-Identifier: MIT
//
// Endpoints: addresses in the kernel's form, compared and told apart without asking anybody.
#include <cstring>

#include <netinet/in.h>

#include "net/datagram_socket.hpp"

namespace headrace {

namespace {

/// All of the form, though the address may be shorter: a size that is known costs no call.
template <class Form>
Form as(const Endpoint& endpoint) noexcept {
  static_assert(sizeof(Form) <= Endpoint::kCapacity);
  Form form;
  std::memcpy(&form, endpoint.data(), sizeof form);
  return form;
}

sa_family_t family_of(const Endpoint& endpoint) noexcept {
  return endpoint.size() == 0 ? sa_family_t{AF_UNSPEC} : as<sockaddr>(endpoint).sa_family;
}

/// The IPv4 host, in host byte order, of an IPv4 or IPv4-mapped endpoint; false for others.
bool ipv4_host(const Endpoint& endpoint, in_addr_t& host) noexcept {
  if (family_of(endpoint) == AF_INET) {
    host = ntohl(as<sockaddr_in>(endpoint).sin_addr.s_addr);
    return true;
  }
  if (family_of(endpoint) != AF_INET6) return false;
  const auto form = as<sockaddr_in6>(endpoint);
  if (!IN6_IS_ADDR_V4MAPPED(&form.sin6_addr)) return false;
  std::memcpy(&host, &form.sin6_addr.s6_addr[12], sizeof host);
  host = ntohl(host);
  return true;
}

}  // namespace

Result<Endpoint> Endpoint::of(const Address& address) {
  if (address.is_stream()) return fail(Errc::invalid_address, "not a datagram address");
  const Address numeric = address.host() == "broadcast"
                              ? Address::ip(address.transport(), "255.255.255.255", address.port())
                              : address;
  const auto resolved = net::resolve(numeric, false, net::Names::refuse);
  if (!resolved) return std::unexpected(resolved.error());
  return net::to_endpoint(resolved->front());
}

Address Endpoint::address() const noexcept {
  if (size_ == 0) return Address::local(Transport::unix_datagram, "");
  const auto transport = is_unix() ? Transport::unix_datagram : Transport::udp;
  return net::to_address(net::to_socket_address(*this), transport);
}

std::uint16_t Endpoint::port() const noexcept {
  if (is_unix()) return 0;
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  return ntohs(as<sockaddr_in>(*this).sin_port);
}

bool Endpoint::is_unix() const noexcept { return size_ == 0 || family_of(*this) == AF_UNIX; }

bool Endpoint::is_multicast() const noexcept {
  in_addr_t host = 0;
  if (ipv4_host(*this, host)) return IN_MULTICAST(host);
  const auto form = as<sockaddr_in6>(*this);
  return form.sin6_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&form.sin6_addr);
}

bool Endpoint::is_wildcard() const noexcept {
  in_addr_t host = 0;
  if (ipv4_host(*this, host)) return host == INADDR_ANY;
  const auto form = as<sockaddr_in6>(*this);
  return form.sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&form.sin6_addr);
}

bool Endpoint::can_be_answered() const noexcept {
  if (is_unix()) return size_ > sizeof(sa_family_t);
  if (port() == 0) return false;
  in_addr_t host = 0;
  // Groups; class E, which holds the limited broadcast address; "this network" (RFC 1122, 3.2.1.3).
  // The kernel refuses to send to broadcast addresses of a network, of which it alone knows.
  if (ipv4_host(*this, host)) return host >> 24 != 0 && host >> 24 < 224;
  return !is_multicast() && !is_wildcard();
}

bool Endpoint::operator==(const Endpoint& other) const noexcept {
  if (size_ == other.size_ && std::memcmp(data(), other.data(), size_) == 0) return true;
  if (family_of(*this) == AF_INET6 && family_of(other) == AF_INET6) {
    const auto a = as<sockaddr_in6>(*this);  // the flow is not part of who it is
    const auto b = as<sockaddr_in6>(other);
    return a.sin6_port == b.sin6_port && IN6_ARE_ADDR_EQUAL(&a.sin6_addr, &b.sin6_addr) &&
           a.sin6_scope_id == b.sin6_scope_id;
  }
  in_addr_t a = 0;
  in_addr_t b = 0;
  if (ipv4_host(*this, a) && ipv4_host(other, b)) return a == b && port() == other.port();
  return false;
}

}  // namespace headrace
