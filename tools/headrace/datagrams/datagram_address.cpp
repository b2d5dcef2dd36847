// SPDX-License-Identifier: MIT
//
// Addresses of datagrams: the library's parser, read with UDP in mind; and a question at the
// terminal where there is none.
#include "datagrams/datagram_address.hpp"

#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <unistd.h>

#include <fmt/format.h>

#include "net/resolver.hpp"
#include "options.hpp"
#include "suggest.hpp"

namespace headrace::tool {

namespace {

// Longer than getaddrinfo(3) tries by itself with two name servers.
constexpr int kNamePatienceMs = 30'000;

template <class... Parts>
std::unexpected<std::string> wrong(fmt::format_string<Parts...> form, Parts&&... parts) {
  return std::unexpected(fmt::format(form, std::forward<Parts>(parts)...));
}

std::vector<std::string> interface_names() {
  std::vector<std::string> names;
  struct if_nameindex* const all = ::if_nameindex();
  if (all == nullptr) return names;
  for (const struct if_nameindex* one = all; one->if_index != 0; ++one)
    names.emplace_back(one->if_name);
  ::if_freenameindex(all);
  return names;
}

// Byte by byte: what is typed ahead belongs to whoever reads stdin next.
bool read_line(std::string& line) {
  line.clear();
  for (char letter = 0;;) {
    const ssize_t count = ::read(STDIN_FILENO, &letter, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return !line.empty();
    if (letter == '\n') return true;
    line += letter;
  }
}

bool ask(std::string_view question, std::string& answer) {
  while (::write(STDERR_FILENO, question.data(), question.size()) < 0)
    if (errno != EINTR) return false;
  return read_line(answer);
}

}  // namespace

Parsed<Address> parse_datagram_address(std::string_view text) {
  if (text.starts_with('/'))
    return wrong(
        "'{0}' is no address: a path needs 'unix-datagram:' before it; did you mean "
        "'unix-datagram:{0}'?",
        text);
  const auto address = Address::parse(text);
  if (!address) return wrong("'{}' is no address: {}", text, address.error().call);
  if (!address->is_stream()) return *address;
  if (address->is_unix())
    return wrong("'{}' is a stream's address; did you mean 'unix-datagram:{}'?", text,
                 address->path());
  // A shorthand parses as TCP; where no scheme was written it means UDP here.
  const Address same = Address::ip(Transport::udp, address->host(), address->port());
  if (!text.contains("://")) return same;
  return wrong("'{}' is a stream's address; did you mean '{}'?", text, AddressText{same}.view());
}

Parsed<Address> parse_group(std::string_view text) {
  const bool is_v6 = text.contains(':');
  const bool in_brackets = text.starts_with('[') && text.ends_with(']');
  const auto address = Address::parse(is_v6 && !in_brackets ? fmt::format("udp://[{}]:0", text)
                                                            : fmt::format("udp://{}:0", text));
  if (!address) return wrong("'{}' is no group: {}", text, address.error().call);
  const auto endpoint = Endpoint::of(*address);
  if (!endpoint && endpoint.error().code == Errc::name_not_found)
    return wrong("'{}' is no group: there is no such interface", text);
  if (!endpoint || !endpoint->is_multicast())
    return wrong("'{}' is no group; they are 224.0.0.0 to 239.255.255.255, and ff00::/8", text);
  return *address;
}

Parsed<std::string> parse_interface(std::string_view text) {
  std::string name{text};
  if (::if_nametoindex(name.c_str()) != 0) return name;
  const std::vector<std::string> names = interface_names();
  const std::vector<std::string_view> known{names.begin(), names.end()};
  return wrong("there is no interface '{}'; this machine has {}", text, listed(known, "and"));
}

Result<std::vector<Endpoint>> endpoints_of(const Address& address) {
  const auto plain = Endpoint::of(address);
  if (plain) return std::vector{*plain};
  if (plain.error().code != Errc::would_wait) return std::unexpected(plain.error());
  const auto found = net::resolve_within(address, false, kNamePatienceMs, -1);
  if (!found) return std::unexpected(found.error());
  std::vector<Endpoint> endpoints;
  for (const net::SocketAddress& one : *found) {
    Endpoint& endpoint = endpoints.emplace_back();
    std::memcpy(endpoint.data(), one.get(), one.length);
    endpoint.set_size(one.length);
  }
  return endpoints;
}

Result<Address> without_name(const Address& at, int stop) {
  const auto plain = Endpoint::of(at);
  if (plain || plain.error().code != Errc::would_wait) return at;
  const auto found = net::resolve_within(at, true, kNamePatienceMs, stop);
  if (!found) return std::unexpected(found.error());
  return net::to_address(found->front(), at.transport());
}

namespace {

std::string asked_for_address() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return {};
  std::string host;
  std::string port;
  if (!ask("ip: ", host)) return {};
  if (host.contains("://") || host.starts_with("unix")) return host;  // all of it at once
  if (!ask("port: ", port)) return {};
  const bool needs_brackets = host.contains(':') && !host.starts_with('[');
  return needs_brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

std::optional<int> ask_for_address(const Options& options, std::string& address,
                                   std::string_view example) {
  if (address.empty()) address = asked_for_address();
  if (!address.empty()) return {};
  return options.complain_about(fmt::format("which ADDR? Write e.g. '{}'", example));
}

}  // namespace headrace::tool
