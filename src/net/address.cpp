// SPDX-License-Identifier: MIT
//
// Addresses as text: read strictly, written canonically.
//
//   address = [("tcp" | "udp") "://"] [[host] ":"] port
//           | ("unix" | "unix-datagram") ":" ["//"] path
//   host    = name | IPv4 | "[" IPv6 ["%" zone] "]" | "*" | nothing
//
// Whatever parses is written back by AddressText so that it parses to the same address. Nothing
// here asks a name server or the kernel (socket.cpp does), allocates or throws.
#include "headrace/address.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <expected>

#include <arpa/inet.h>
#include <net/if.h>

namespace headrace {

namespace {

constexpr std::string_view kLoopback = "127.0.0.1";

// Not <cctype>: its functions follow the locale, and are undefined for a negative char.
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_blank_or_control(char c) noexcept {
  return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
}
constexpr bool is_in_names(char c) noexcept {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
}

bool equals_any_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::unexpected<Failure> invalid(const char* what) noexcept {
  return fail(Errc::invalid_address, what);
}

Result<std::uint16_t> parse_port(std::string_view text) noexcept {
  if (text.empty()) return invalid("missing port");
  if (!std::ranges::all_of(text, is_digit)) return invalid("port is not a number");
  std::uint16_t port = 0;
  const auto [_, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{}) return invalid("port is above 65535");
  return port;
}

// The host of `[host]`: the shortest form of the IPv6 address, so that one address has one text.
class Ipv6Text {
 public:
  // Whether `text` is an IPv6 address, perhaps with a zone.
  [[nodiscard]] bool read(std::string_view text) noexcept {
    const auto percent = text.find('%');
    const std::string_view digits = text.substr(0, percent);
    if (digits.size() >= text_.size()) return false;
    *std::ranges::copy(digits, text_.begin()).out = '\0';
    in6_addr binary{};
    if (::inet_pton(AF_INET6, text_.data(), &binary) != 1) return false;
    (void)::inet_ntop(AF_INET6, &binary, text_.data(), INET6_ADDRSTRLEN);  // cannot fail: it fits
    length_ = std::string_view{text_.data()}.size();
    return percent == text.npos || append_zone(text.substr(percent));
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }

 private:
  // An interface name of the kernel (dev_valid_name): no '/', no ':', no blank, at most 15 bytes.
  bool append_zone(std::string_view zone) noexcept {
    if (zone.size() < 2 || zone.size() > IF_NAMESIZE) return false;
    if (zone.find_first_of("%/:[]", 1) != zone.npos) return false;
    std::ranges::copy(zone, text_.begin() + length_);
    length_ += zone.size();
    return true;
  }

  std::array<char, INET6_ADDRSTRLEN + IF_NAMESIZE> text_{};
  std::size_t length_ = 0;
};

// Resolvers read "127.1", "0x7f.1" and "010.0.0.1" as IPv4 addresses too, each in its own way. A
// name never ends in a number (RFC 3696, section 2), so such a host must be four decimal numbers.
bool ends_in_number(std::string_view host) noexcept {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.empty()) return false;
  const bool hexadecimal = last.size() > 1 && last[0] == '0' && lower(last[1]) == 'x';
  return hexadecimal || std::ranges::all_of(last, is_digit);
}

bool is_ipv4(std::string_view host) noexcept {
  std::array<char, INET_ADDRSTRLEN> text{};
  if (host.size() >= text.size()) return false;
  std::ranges::copy(host, text.begin());
  in_addr binary{};
  return ::inet_pton(AF_INET, text.data(), &binary) == 1;
}

// What is wrong with `host` as a name or an IPv4 address; null when nothing is.
const char* fault_of_host(std::string_view host) noexcept {
  if (host.size() > Address::kLongestHost) return "host name is longer than 253 bytes";
  if (!std::ranges::all_of(host, is_in_names))
    return "a host name has only letters, digits, '-', '.' and '_'";
  if (host.front() == '.' || host.find("..") != host.npos) return "host name has an empty part";
  if (ends_in_number(host) && !is_ipv4(host)) return "not an IPv4 address";
  return nullptr;
}

Result<Address> parse_bracketed(Transport transport, std::string_view text) noexcept {
  const auto close = text.find(']');
  if (close == text.npos) return invalid("missing ']'");
  Ipv6Text host;
  if (!host.read(text.substr(1, close - 1))) return invalid("not an IPv6 address in the brackets");
  const std::string_view rest = text.substr(close + 1);
  if (!rest.empty() && rest.front() != ':') return invalid("after ']' comes ':' and the port");
  const auto port = parse_port(rest.substr(rest.empty() ? 0 : 1));
  if (!port) return std::unexpected(port.error());
  return Address::ip(transport, host.view(), *port);
}

Result<Address> parse_ip(Transport transport, std::string_view text) noexcept {
  if (text.contains('?')) return invalid("unknown option");
  if (text.starts_with('[')) return parse_bracketed(transport, text);

  const auto colon = text.find(':');
  if (colon != text.rfind(':'))
    return invalid("an IPv6 address with a port needs brackets: [::1]:7788");
  const bool only_port = colon == text.npos;
  if (only_port && !std::ranges::all_of(text, is_digit)) return invalid("missing port");

  const std::string_view host = only_port ? std::string_view{} : text.substr(0, colon);
  const auto port = parse_port(only_port ? text : text.substr(colon + 1));
  if (!port) return std::unexpected(port.error());
  if (host.empty() || host == "*") return Address::ip(transport, host, *port);
  if (const char* const fault = fault_of_host(host)) return invalid(fault);

  std::array<char, Address::kLongestHost> lowered{};  // names are the same in any case (RFC 4343)
  std::ranges::transform(host, lowered.begin(), lower);
  return Address::ip(transport, {lowered.data(), host.size()}, *port);
}

Result<Address> parse_path(Transport transport, std::string_view path) noexcept {
  if (path.contains('?')) return invalid("unknown option");
  if (path.starts_with("//")) {  // unix:///tmp/x, as in a URL
    path.remove_prefix(2);
    if (!path.starts_with('/') && !path.starts_with('@'))
      return invalid("after unix:// comes an absolute path: unix:///tmp/x");
  }
  while (path.starts_with("//")) path.remove_prefix(1);  // else the text would read as unix://
  if (path.empty() || path == "@") return invalid("missing path");
  if (path.size() > Address::kLongestPath) return invalid("path is longer than 107 bytes");
  return Address::local(transport, path);
}

Result<Address> parse_shorthand(std::string_view text) noexcept {
  const bool is_path = text.starts_with('@') || (text.contains('/') && !text.starts_with('['));
  if (is_path) return invalid("a path needs 'unix:' before it: unix:/tmp/x");
  return parse_ip(Transport::tcp, text);
}

}  // namespace

Result<Address> Address::parse(std::string_view text) noexcept {
  if (text.empty()) return invalid("empty address");
  if (std::ranges::any_of(text, is_blank_or_control))
    return invalid("a space or control character");

  const auto colon = text.find(':');
  if (colon == text.npos) return parse_shorthand(text);
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);

  if (equals_any_case(scheme, "unix")) return parse_path(Transport::unix_stream, rest);
  if (equals_any_case(scheme, "unix-datagram")) return parse_path(Transport::unix_datagram, rest);

  const bool is_tcp = equals_any_case(scheme, "tcp");
  if (is_tcp || equals_any_case(scheme, "udp")) {
    // Without the slashes this would be a host of that name, which nobody means.
    if (!rest.starts_with("//")) return invalid("write tcp://host:port or udp://host:port");
    return parse_ip(is_tcp ? Transport::tcp : Transport::udp, rest.substr(2));
  }
  if (rest.starts_with('/')) return invalid("unknown scheme; use tcp, udp, unix or unix-datagram");
  return parse_shorthand(text);
}

Address Address::ip(Transport transport, std::string_view host, std::uint16_t port) noexcept {
  assert(host.size() <= kLongestHost);
  return {transport, host.empty() ? kLoopback : host, port};
}

Address Address::local(Transport transport, std::string_view path) noexcept {
  assert(path.size() <= kLongestPath + 1);  // one more: the kernel's own may fill sun_path
  return {transport, path, 0};
}

Address::Address(Transport transport, std::string_view name, std::uint16_t port) noexcept
    : transport_{transport},
      length_{static_cast<std::uint8_t>(std::min(name.size(), kLongestHost))},
      port_{port} {
  std::ranges::copy(name.substr(0, length_), name_.begin());
}

bool Address::operator==(const Address& other) const noexcept {
  return transport_ == other.transport_ && port_ == other.port_ && name() == other.name();
}

std::string_view Address::name() const noexcept { return {name_.data(), length_}; }

std::string_view Address::host() const noexcept { return is_unix() ? std::string_view{} : name(); }

std::string_view Address::path() const noexcept { return is_unix() ? name() : std::string_view{}; }

Address Address::with_port(std::uint16_t port) const noexcept {
  Address other = *this;
  if (!is_unix()) other.port_ = port;
  return other;
}

AddressText::AddressText(const Address& address) noexcept {
  char* end = text_.data();
  const auto append = [&end](std::string_view part) { end = std::ranges::copy(part, end).out; };

  append(to_text(address.transport()));
  if (address.is_unix()) {
    append(":");
    append(address.path());
  } else {
    const bool is_ipv6 = address.host().contains(':');
    append(is_ipv6 ? "://[" : "://");
    append(address.host());
    append(is_ipv6 ? "]:" : ":");
    end = std::to_chars(end, text_.data() + text_.size(), address.port()).ptr;
  }
  length_ = static_cast<std::size_t>(end - text_.data());
}

std::string_view AddressText::view() const noexcept { return {text_.data(), length_}; }

std::string_view to_text(Transport transport) noexcept {
  switch (transport) {
    case Transport::tcp:
      return "tcp";
    case Transport::udp:
      return "udp";
    case Transport::unix_stream:
      return "unix";
    case Transport::unix_datagram:
      return "unix-datagram";
  }
  return "unknown";
}

}  // namespace headrace
