// SPDX-License-Identifier: MIT
//
// An end of a connection as text, and whether a filter means it.
#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "headrace/tcp_state.hpp"

namespace headrace {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr TcpHost kEverything{};
constexpr TcpHost kEveryIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

}  // namespace

bool is_ipv4(const TcpHost& host) noexcept {
  return std::equal(kMapped.begin(), kMapped.end(), host.begin());
}

TcpHost ipv4_host(std::span<const std::uint8_t, 4> bytes) noexcept {
  TcpHost host{};
  std::ranges::copy(kMapped, host.begin());
  std::ranges::copy(bytes, host.begin() + kMapped.size());
  return host;
}

TcpEndpointText::TcpEndpointText(const TcpEndpoint& endpoint) noexcept {
  char* at = text_.data();
  const bool ipv4 = is_ipv4(endpoint.host);
  if (!ipv4) *at++ = '[';
  // Cannot fail: the family is known and there is room for the longest text.
  (void)::inet_ntop(ipv4 ? AF_INET : AF_INET6, endpoint.host.data() + (ipv4 ? kMapped.size() : 0),
                    at, INET6_ADDRSTRLEN);
  at = std::find(at, text_.data() + text_.size(), '\0');
  if (!ipv4) *at++ = ']';
  *at++ = ':';
  if (endpoint.port == 0)
    *at++ = '*';
  else
    at = std::to_chars(at, text_.data() + text_.size(), endpoint.port).ptr;
  length_ = static_cast<std::size_t>(at - text_.data());
}

bool TcpFilter::matches(const TcpEndpoint& end) const noexcept {
  if (port != 0 && end.port != port) return false;
  if (host_count == 0) return true;
  const auto last = hosts.begin() + host_count;
  if (std::find(hosts.begin(), last, end.host) != last) return true;
  return port != 0 && (end.host == kEverything || end.host == kEveryIpv4);
}

}  // namespace headrace
