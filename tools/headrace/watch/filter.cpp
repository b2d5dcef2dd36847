// SPDX-License-Identifier: MIT
//
// Words into a TcpFilter, or into a sentence about what is wrong with them.
#include "watch/filter.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include <fmt/format.h>

#include "headrace/address.hpp"
#include "net/socket.hpp"
#include "suggest.hpp"

namespace headrace::watch {

namespace {

using tool::Parsed;

template <class... Parts>
std::unexpected<std::string> wrong(fmt::format_string<Parts...> form, Parts&&... parts) {
  return std::unexpected(fmt::format(form, std::forward<Parts>(parts)...));
}

std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

std::vector<std::string_view> state_names() {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kTcpStates; ++i) names.push_back(to_text(static_cast<TcpState>(i)));
  return names;
}

// States add up: a socket is in one of them only.
Parsed<std::uint16_t> parse_states(std::string_view text) {
  unsigned states = 0;
  for (const std::string& name : split_at(text, ',')) {
    const auto state = find_tcp_state(name);
    if (!state) {
      const auto names = state_names();
      const std::string guess = tool::did_you_mean(name, names);
      return wrong("no TCP state is called '{}'{}", name,
                   guess.empty() ? "; there are " + tool::listed(names, "and") : guess);
    }
    states |= 1U << static_cast<unsigned>(*state);
  }
  if (states == 0) return wrong("'state' needs a name, e.g. state time-wait");
  return static_cast<std::uint16_t>(states);
}

TcpHost host_of(const net::SocketAddress& address) {
  TcpHost host{};
  if (address.family() == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address.storage, sizeof ipv6);
    std::memcpy(host.data(), &ipv6.sin6_addr, host.size());
    return host;
  }
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, &address.storage, sizeof ipv4);
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
  return ipv4_host(bytes);
}

bool is_port_alone(std::string_view word) {
  if (word.starts_with(':')) word.remove_prefix(1);
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

Parsed<std::uint16_t> parse_port(std::string_view text) {
  const auto port = tool::parse_count(text, 1, std::numeric_limits<std::uint16_t>::max());
  if (!port) return wrong("port: {}", port.error());
  return static_cast<std::uint16_t>(*port);
}

// All addresses of the name: "localhost" has one of each family.
Parsed<bool> add_hosts(const Address& address, std::string_view word, TcpFilter& filter) {
  const auto resolved = net::resolve(address, false, net::Names::resolve);
  if (!resolved) return wrong("'{}': {}", word, resolved.error().reason());
  for (const net::SocketAddress& at : *resolved) {
    if (filter.host_count == TcpFilter::kMostHosts) break;
    const auto end = filter.hosts.begin() + filter.host_count;
    if (std::find(filter.hosts.begin(), end, host_of(at)) == end)
      filter.hosts.at(filter.host_count++) = host_of(at);
  }
  return true;
}

Parsed<bool> add_address(std::string word, TcpFilter& filter) {
  if (filter.port != 0 || filter.host_count != 0) return wrong("'{}': one address at a time", word);
  if (is_port_alone(word)) {
    const auto port = parse_port(std::string_view{word}.substr(word.starts_with(':') ? 1 : 0));
    if (!port) return std::unexpected(port.error());
    filter.port = *port;
    return true;
  }
  if (word.ends_with(":*")) word.replace(word.size() - 1, 1, "0");
  const auto address = Address::parse(word);
  if (!address)
    return wrong("'{}' is no filter: {}. Write :7788, host:port, pid N or state time-wait", word,
                 address.error().call);
  if (address->transport() != Transport::tcp) return wrong("'{}' is not TCP", word);
  filter.port = address->port();
  if (address->host().empty() || address->host() == "*") return true;
  return add_hosts(*address, word, filter);
}

}  // namespace

Parsed<TcpFilter> parse_filter(std::span<const std::string> words) {
  std::vector<std::string> parts;
  for (const std::string& word : words)
    std::ranges::move(split_at(word, ' '), std::back_inserter(parts));

  TcpFilter filter;
  std::uint16_t states = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool takes_value = parts[i] == "pid" || parts[i] == "state";
    if (takes_value && i + 1 == parts.size())
      return wrong("'{0}' needs a value: {0} {1}", parts[i],
                   parts[i] == "pid" ? "812" : "time-wait");
    if (parts[i] == "pid") {
      const auto pid = tool::parse_count(parts[++i], 1, std::numeric_limits<std::int32_t>::max());
      if (!pid) return wrong("pid: {}", pid.error());
      filter.pid = static_cast<std::int32_t>(*pid);
    } else if (parts[i] == "state") {
      const auto more = parse_states(parts[++i]);
      if (!more) return std::unexpected(more.error());
      states = static_cast<std::uint16_t>(states | *more);
    } else if (const auto added = add_address(parts[i], filter); !added) {
      return std::unexpected(added.error());
    }
  }
  if (states != 0) filter.states = states;
  return filter;
}

}  // namespace headrace::watch
