// SPDX-License-Identifier: MIT
//
// The states of a TCP connection: their names, which may follow which and why.
//
// The words are those of RFC 9293 (section 3.3.2), the order that of its figure 5. The table holds
// what the RFC allows; what Linux does otherwise is said where it matters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "headrace/result.hpp"

namespace headrace {

enum class TcpState : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};
inline constexpr std::size_t kTcpStates = 11;

/// As RFC 9293 writes it: "SYN-RECEIVED", "FIN-WAIT-1", "TIME-WAIT".
[[nodiscard]] std::string_view to_text(TcpState state) noexcept;

/// By name, in any case, with '-' or '_' or neither; also as Linux and netstat(8) call it:
/// "SYN_RECV", "FIN_WAIT1", "ESTAB".
[[nodiscard]] std::optional<TcpState> find_tcp_state(std::string_view name) noexcept;

/// An arrow of the state diagram. Static storage.
struct TcpTransition {
  TcpState from;
  TcpState to;
  std::string_view cause;  ///< "receive FIN", "close", "2 MSL have passed"
  std::string_view sends;  ///< "ACK"; empty where nothing is sent
};

/// Every transition of RFC 9293: figure 5, and those that its text adds (resets, time limits, a new
/// SYN that ends TIME-WAIT). Several causes of the same arrow are separate rows.
[[nodiscard]] std::span<const TcpTransition> tcp_transitions() noexcept;

/// Whether one step leads from `from` to `to`. Staying is no step.
[[nodiscard]] bool is_legal(TcpState from, TcpState to) noexcept;

/// Whether some steps lead from `from` to `to` without the connection ending on the way: what two
/// looks at one connection may show when states between them were too short to be seen. True where
/// both are the same.
[[nodiscard]] bool is_reachable(TcpState from, TcpState to) noexcept;

/// An IP address in network order; IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d).
using TcpHost = std::array<std::uint8_t, 16>;

[[nodiscard]] bool is_ipv4(const TcpHost& host) noexcept;
/// From the four bytes as they stand in a packet.
[[nodiscard]] TcpHost ipv4_host(std::span<const std::uint8_t, 4> bytes) noexcept;

/// One end of a connection; the port in host byte order.
struct TcpEndpoint {
  TcpHost host{};
  std::uint16_t port = 0;
  auto operator<=>(const TcpEndpoint&) const = default;
};

/// "127.0.0.1:7788", "[::1]:7788", held in place. A wildcard is "0.0.0.0" or "[::]", port 0 is "*".
class TcpEndpointText {
 public:
  explicit TcpEndpointText(const TcpEndpoint& endpoint) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }
  operator std::string_view() const noexcept { return view(); }

 private:
  std::array<char, 56> text_;
  std::size_t length_ = 0;
};

/// Which connections: each condition that is set must hold.
struct TcpFilter {
  static constexpr std::uint16_t kEveryState = (1U << kTcpStates) - 1;
  static constexpr std::size_t kMostHosts = 8;

  std::uint16_t states = kEveryState;       ///< bit `1 << state`
  std::uint16_t port = 0;                   ///< of either end; 0: any
  std::array<TcpHost, kMostHosts> hosts{};  ///< one of these is the host of that same end
  std::uint8_t host_count = 0;              ///< 0: any
  std::int32_t pid = 0;                     ///< a process that holds the socket; 0: any

  [[nodiscard]] bool has_state(TcpState state) const noexcept {
    return ((states >> static_cast<unsigned>(state)) & 1U) != 0;
  }
  /// Whether host and port suit this end.
  [[nodiscard]] bool matches(const TcpEndpoint& end) const noexcept;
  /// Whether they suit one of both ends. State and pid are not looked at.
  [[nodiscard]] bool matches(const TcpEndpoint& one, const TcpEndpoint& other) const noexcept {
    return matches(one) || matches(other);
  }
};

}  // namespace headrace
