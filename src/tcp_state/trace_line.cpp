// SPDX-License-Identifier: MIT
//
//   nc-2130    [000] ..s2. 24994.759866: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP
//   sport=7788 dport=52458 saddr=127.0.0.1 ... daddrv6=::ffff:127.0.0.1 oldstate=TCP_LISTEN
//   newstate=...
//
// A task may call itself anything, but in 15 bytes it cannot forge the name of the event, and what
// stands behind that name is the kernel's. IPv4 addresses are read in their IPv6 form, which is
// always there.
#include "tcp_state/trace_line.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

#include "text/number.hpp"

namespace headrace::tcp {

namespace {

// What stands behind " name=", up to the next blank.
std::string_view value_of(std::string_view fields, std::string_view name) noexcept {
  for (std::size_t at = fields.find(name); at != std::string_view::npos;
       at = fields.find(name, at + 1)) {
    const std::size_t equals = at + name.size();
    if ((at != 0 && fields[at - 1] != ' ') || equals >= fields.size() || fields[equals] != '=')
      continue;
    const std::string_view rest = fields.substr(equals + 1);
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

// Seconds with a fraction: "24994.759866".
std::optional<std::int64_t> nanoseconds(std::string_view text) noexcept {
  constexpr std::int64_t kMostSeconds = 9'000'000'000;
  const std::size_t dot = text.find('.');
  const auto seconds = text::number<std::int64_t>(text.substr(0, dot));
  if (!seconds || *seconds < 0 || *seconds > kMostSeconds) return std::nullopt;
  std::int64_t fraction = 0;
  std::size_t digits = 0;
  if (dot != std::string_view::npos)
    for (const char c : text.substr(dot + 1, 9)) {
      if (c < '0' || c > '9') return std::nullopt;
      fraction = fraction * 10 + (c - '0');
      ++digits;
    }
  for (; digits < 9; ++digits) fraction *= 10;
  return *seconds * 1'000'000'000 + fraction;
}

std::optional<TcpState> state_named(std::string_view text) noexcept {
  constexpr std::string_view kPrefix = "TCP_";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  if (text == "NEW_SYN_RECV") return TcpState::syn_received;
  return find_tcp_state(text);
}

std::optional<TcpEndpoint> endpoint(std::string_view host, std::string_view port) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto value = text::number<std::uint16_t>(port);
  if (host.size() >= text.size() || !value) return std::nullopt;
  std::ranges::copy(host, text.begin());
  TcpEndpoint end{.host = {}, .port = *value};
  if (::inet_pton(AF_INET6, text.data(), end.host.data()) != 1) return std::nullopt;
  return end;
}

}  // namespace

std::optional<TraceRecord> read_trace_line(std::string_view line) noexcept {
  constexpr std::string_view kEvent = ": inet_sock_set_state: ";
  const std::size_t event = line.rfind(kEvent);
  if (event == std::string_view::npos) return std::nullopt;
  const std::string_view before = line.substr(0, event);
  const std::string_view fields = line.substr(event + kEvent.size());
  if (value_of(fields, "protocol") != "IPPROTO_TCP") return std::nullopt;

  const auto time = nanoseconds(before.substr(before.rfind(' ') + 1));
  const auto local = endpoint(value_of(fields, "saddrv6"), value_of(fields, "sport"));
  const auto remote = endpoint(value_of(fields, "daddrv6"), value_of(fields, "dport"));
  const auto from = state_named(value_of(fields, "oldstate"));
  const auto to = state_named(value_of(fields, "newstate"));
  if (!time || !local || !remote || !from || !to) return std::nullopt;
  return TraceRecord{.time_ns = *time,
                     .ipv6 = value_of(fields, "family") == "AF_INET6",
                     .from = *from,
                     .to = *to,
                     .local = *local,
                     .remote = *remote};
}

std::uint64_t read_lost_line(std::string_view line) noexcept {
  constexpr std::string_view kLost = "[LOST ";
  if (!line.starts_with("CPU:")) return 0;
  const std::size_t at = line.find(kLost);
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = line.substr(at + kLost.size());
  return text::number<std::uint64_t>(rest.substr(0, rest.find(' '))).value_or(0);
}

}  // namespace headrace::tcp
