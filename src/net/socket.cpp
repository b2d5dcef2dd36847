// SPDX-License-Identifier: MIT
//
// Sockets: names resolved, listeners opened, and the kernel's addresses told as ours.
#include "net/socket.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <unistd.h>

namespace headrace::net {

namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);

int set_option(int descriptor, int level, int name, int value) noexcept {
  return sys::setsockopt(descriptor, level, name, &value, sizeof value);
}

// Addresses between the kernel's form and ours.

template <class Form>
Form as(const SocketAddress& address) noexcept {
  Form form{};
  std::memcpy(&form, &address.storage, sizeof form);
  return form;
}

template <class Form>
SocketAddress from(const Form& form) noexcept {
  SocketAddress address;
  std::memcpy(&address.storage, &form, sizeof form);
  address.length = sizeof form;
  return address;
}

SocketAddress ipv4(in_addr_t host, std::uint16_t port) noexcept {
  return from(sockaddr_in{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(host)}, .sin_zero = {}});
}

SocketAddress ipv6(const in6_addr& host, std::uint16_t port) noexcept {
  return from(sockaddr_in6{.sin6_family = AF_INET6,
                           .sin6_port = htons(port),
                           .sin6_flowinfo = 0,
                           .sin6_addr = host,
                           .sin6_scope_id = 0});
}

SocketAddress unix_socket(std::string_view path) noexcept {
  sockaddr_un form{};
  form.sun_family = AF_UNIX;
  const std::size_t size = std::min(path.size(), sizeof form.sun_path);
  std::memcpy(form.sun_path, path.data(), size);
  const bool abstract = path.starts_with('@');
  if (abstract) form.sun_path[0] = '\0';
  SocketAddress address = from(form);
  // An abstract name is exactly as long as the length says; a path ends with its NUL.
  address.length = static_cast<socklen_t>(
      std::min(kPathOffset + size + (abstract ? 0 : 1), sizeof(sockaddr_un)));
  return address;
}

Address ipv4_address(const void* host, in_port_t port, Transport transport) noexcept {
  std::array<char, INET_ADDRSTRLEN> text{};
  (void)::inet_ntop(AF_INET, host, text.data(), text.size());  // cannot fail: it fits
  return Address::ip(transport, text.data(), ntohs(port));
}

Address ipv6_address(const sockaddr_in6& from, Transport transport) noexcept {
  const in6_addr& host = from.sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&host))  // an IPv4 peer of a dual-stack listener
    return ipv4_address(&host.s6_addr[12], from.sin6_port, transport);

  std::array<char, INET6_ADDRSTRLEN + IF_NAMESIZE> text{};
  (void)::inet_ntop(AF_INET6, &host, text.data(), INET6_ADDRSTRLEN);  // cannot fail: it fits
  if (from.sin6_scope_id != 0 && IN6_IS_ADDR_LINKLOCAL(&host)) {
    char* const zone = text.data() + std::string_view{text.data()}.size();
    *zone = '%';
    if (::if_indextoname(from.sin6_scope_id, zone + 1) == nullptr)  // the interface is gone
      *std::to_chars(zone + 1, text.data() + text.size() - 1, from.sin6_scope_id).ptr = '\0';
  }
  return Address::ip(transport, text.data(), ntohs(from.sin6_port));
}

Address unix_address(const SocketAddress& from, Transport transport) noexcept {
  const std::size_t length = std::min<std::size_t>(from.length, sizeof(sockaddr_un));
  if (length <= kPathOffset) return Address::local(transport, {});  // unnamed: it never bound
  sockaddr_un form = as<sockaddr_un>(from);
  const std::size_t size = length - kPathOffset;
  if (form.sun_path[0] != '\0')
    return Address::local(transport, {form.sun_path, ::strnlen(form.sun_path, size)});
  form.sun_path[0] = '@';
  return Address::local(transport, {form.sun_path, size});
}

in_port_t port_of(const SocketAddress& address) noexcept {
  return address.family() == AF_UNIX ? in_port_t{0} : as<sockaddr_in>(address).sin_port;
}

// Names. IPv6 may be missing from the kernel (ipv6.disable=1), or from the loopback interface only
// (net.ipv6.conf.lo.disable_ipv6=1); then it is left out.

std::vector<SocketAddress> loopback(std::uint16_t port) {
  std::vector<SocketAddress> both{ipv4(INADDR_LOOPBACK, port)};
  const SocketAddress second = ipv6(in6addr_loopback, port);
  if (is_own_address(second)) both.push_back(second);
  return both;
}

// One address that takes both families; two would be in each other's way.
SocketAddress wildcard(std::uint16_t port) noexcept {
  const SocketAddress both = ipv6(in6addr_any, port);
  return is_own_address(both) ? both : ipv4(INADDR_ANY, port);
}

Failure resolver_failure(int error, int system_error) noexcept {
  switch (error) {
    case EAI_AGAIN:
      return {.call = "getaddrinfo", .error = 0, .code = Errc::timed_out};
    case EAI_MEMORY:
      return {.call = "getaddrinfo", .error = 0, .code = Errc::out_of_memory};
    case EAI_SYSTEM:
      return Failure::from_errno("getaddrinfo", system_error);
    default:
      return {.call = "getaddrinfo", .error = 0, .code = Errc::name_not_found};
  }
}

// getaddrinfo(3) for one host; 0 or its error. Without a service: it would look one up by name.
int look_up(const std::string& host, const Address& address, int flags,
            std::vector<SocketAddress>& found) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_socktype = address.is_stream() ? SOCK_STREAM : SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0)
    return error;

  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, ::freeaddrinfo};
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    SocketAddress& next = found.emplace_back();
    std::memcpy(&next.storage, entry->ai_addr, entry->ai_addrlen);
    next.length = entry->ai_addrlen;
    set_port(next, address.port());
  }
  return found.empty() ? EAI_NONAME : 0;
}

// Listening.

int type_of(int kind, Blocking blocking) noexcept {
  return kind | SOCK_CLOEXEC | (blocking == Blocking::no ? SOCK_NONBLOCK : 0);
}

Result<Socket> bind_to(const SocketAddress& at, Sharing sharing, Blocking blocking) {
  const int descriptor = sys::socket(at.family(), type_of(SOCK_STREAM, blocking), 0);
  if (descriptor < 0) return fail_errno("socket", -descriptor);
  Socket listening{descriptor};

  int error = set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (error == 0 && sharing == Sharing::join)
    error = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (error == 0 && at.family() == AF_INET6)  // dual stack, whatever net.ipv6.bindv6only says
    error = set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (error < 0) return fail_errno("setsockopt", -error);

  error = sys::bind(descriptor, at.get(), at.length);
  if (error < 0) return fail_errno("bind", -error);
  prepare_stream(descriptor);  // accepted sockets inherit it: no system call for each
  return listening;
}

}  // namespace

// The port lies at the same place in both families (RFC 3493, section 3.3).
void set_port(SocketAddress& address, std::uint16_t port) noexcept {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  const in_port_t in_network_order = htons(port);
  char* const start = reinterpret_cast<char*>(&address.storage);
  std::memcpy(start + offsetof(sockaddr_in, sin_port), &in_network_order, sizeof in_network_order);
}

Address to_address(const SocketAddress& from, Transport transport) noexcept {
  switch (from.family()) {
    case AF_INET: {
      const auto form = as<sockaddr_in>(from);
      return ipv4_address(&form.sin_addr, form.sin_port, transport);
    }
    case AF_INET6:
      return ipv6_address(as<sockaddr_in6>(from), transport);
    default:
      return unix_address(from, transport);
  }
}

Result<std::vector<SocketAddress>> resolve(const Address& address, bool passive, Names names) {
  if (address.is_unix()) {
    if (address.path().empty()) return fail(Errc::invalid_address, "missing path");
    return std::vector{unix_socket(address.path())};
  }
  const std::string host{address.host()};
  if (host == "*" && passive) return std::vector{wildcard(address.port())};
  // To connect, every address of the machine means this machine, as the kernel takes 0.0.0.0.
  if (host == "*" || ::strcasecmp(host.c_str(), "localhost") == 0) return loopback(address.port());

  std::vector<SocketAddress> found;
  if (look_up(host, address, AI_NUMERICHOST, found) == 0) return found;
  if (host.contains(':')) return fail(Errc::name_not_found, "no such network interface");
  if (names == Names::refuse) return fail(Errc::would_wait, "getaddrinfo");

  errno = 0;
  const int error = look_up(host, address, AI_ADDRCONFIG | (passive ? AI_PASSIVE : 0), found);
  if (error != 0) return std::unexpected(resolver_failure(error, errno));
  return found;
}

bool is_own_address(const SocketAddress& at) noexcept {
  SocketAddress any_port = at;
  set_port(any_port, 0);
  const Socket probe{sys::socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  return probe.is_open() && sys::bind(probe.descriptor(), any_port.get(), any_port.length) == 0;
}

Result<Socket> listen_at(const SocketAddress& at, Backlog backlog, Sharing sharing,
                         Blocking blocking) {
  // Two that both bind and then listen in the same instant can both get EADDRINUSE from listen(2):
  // each already counts as listening when the other's port is checked (seen once in 140,000 tries).
  // So a listen that fails after a good bind is tried again; a real owner fails the bind.
  constexpr int kAttempts = 16;

  for (int attempt = 1;; ++attempt) {
    auto listening = bind_to(at, sharing, blocking);
    if (!listening) return listening;
    const int descriptor = listening->descriptor();

    const int error = sys::listen(descriptor, backlog.connections);
    if (error == -EADDRINUSE && attempt < kAttempts) continue;
    if (error < 0) return fail_errno("listen", -error);
    if (sharing == Sharing::join) return listening;

    const int sharing_error = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (sharing_error < 0) return fail_errno("setsockopt", -sharing_error);
    return listening;
  }
}

Result<Socket> make_stream_socket(int family, Blocking blocking) {
  const int descriptor = sys::socket(family, type_of(SOCK_STREAM, blocking), 0);
  if (descriptor < 0) return fail_errno("socket", -descriptor);
  if (family != AF_UNIX) prepare_stream(descriptor);
  return Socket{descriptor};
}

int bind_source(int descriptor, const SocketAddress& from) noexcept {
  // Either option only widens the choice: without it bind(2) says what is wrong.
  if (port_of(from) == 0)
    (void)set_option(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  else
    (void)set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);  // a port in TIME_WAIT
  return sys::bind(descriptor, from.get(), from.length);
}

void prepare_stream(int descriptor) noexcept {
  (void)set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);  // a Unix socket has no such option
}

Result<SocketAddress> local_address(int descriptor) noexcept {
  SocketAddress address;
  const int error = sys::getsockname(descriptor, address.get(), &address.length);
  if (error < 0) return fail_errno("getsockname", -error);
  return address;
}

Result<SocketAddress> peer_address(int descriptor) noexcept {
  SocketAddress address;
  const int error = sys::getpeername(descriptor, address.get(), &address.length);
  if (error < 0) return fail_errno("getpeername", -error);
  return address;
}

int effective_backlog(int asked) noexcept {
  std::array<char, 16> text{};
  const Socket file{sys::open_file("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return asked;
  const ssize_t size = sys::read(file.descriptor(), text.data(), text.size());
  unsigned cap = 0;
  if (size <= 0 || std::from_chars(text.data(), text.data() + size, cap).ec != std::errc{})
    return asked;
  // The kernel compares without sign: -1 asks for the most there is.
  return static_cast<int>(std::min(static_cast<unsigned>(asked), cap));
}

}  // namespace headrace::net
