// SPDX-License-Identifier: MIT
//
// socket(2), perhaps bind(2), connect(2). The port is left to connect (IP_BIND_ADDRESS_NO_PORT),
// which may use one several times, for different pairs.
#include "bench/targets.hpp"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::uint32_t kFirstOrigin = 0x7f000101;  // 127.0.1.1
constexpr std::uint32_t kOriginCount = 64;

bool is_loopback(const net::SocketAddress& target) noexcept {
  if (target.family() != AF_INET) return false;
  sockaddr_in address{};
  std::memcpy(&address, &target.storage, sizeof address);
  return (ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

// Where it cannot be done connect chooses, as for anybody.
void come_from(int descriptor, std::uint32_t host) noexcept {
  const int yes = 1;
  sockaddr_in origin{};
  origin.sin_family = AF_INET;
  origin.sin_addr.s_addr = htonl(host);
  (void)sys::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  (void)sys::bind(descriptor, reinterpret_cast<const sockaddr*>(&origin), sizeof origin);
}

}  // namespace

Result<net::Socket> begin_connection(const net::SocketAddress& target, Origins origins,
                                     std::uint64_t number) {
  auto socket = net::make_stream_socket(target.family(), net::Blocking::no);
  if (!socket) return socket;
  if (origins == Origins::many && is_loopback(target))
    come_from(socket->descriptor(),
              kFirstOrigin + static_cast<std::uint32_t>(number % kOriginCount));
  const int result = sys::connect(socket->descriptor(), target.get(), target.length);
  if (result < 0 && result != -EINPROGRESS && result != -EINTR)
    return fail_errno("connect", -result);
  return socket;
}

}  // namespace headrace::bench
