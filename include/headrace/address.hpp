// SPDX-License-Identifier: MIT
//
// Address: where a socket listens or connects, as users write it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "headrace/result.hpp"

namespace headrace {

enum class Transport : std::uint8_t { tcp, udp, unix_stream, unix_datagram };

/// The transport, and a host with a port or a path. Copied freely; nothing is resolved or opened.
///
/// Written `tcp://host:port`, `udp://host:port`, `unix:/path`, `unix-datagram:/path`,
/// `unix:@abstract`; shorthands for TCP: `7788`, `:7788`, `host:7788`, `[::1]:7788`. The host may
/// be a name, an IPv4 or IPv6 address (in brackets, with
/// `%zone`), `*` for every address of the machine, or absent for loopback: nobody is let in by
/// accident.
class Address {
 public:
  static constexpr std::size_t kLongestHost = 253;  // RFC 1035, section 2.3.4
  static constexpr std::size_t kLongestPath = 107;  // sun_path of unix(7) without its NUL

  /// Fails with `invalid_address`; `call` then says what is wrong: "port is above 65535".
  [[nodiscard]] static Result<Address> parse(std::string_view text) noexcept;

  /// `host` is a name, a numeric address without brackets, or "*". It must not be longer than
  /// kLongestHost.
  [[nodiscard]] static Address ip(Transport transport, std::string_view host,
                                  std::uint16_t port) noexcept;

  /// `path` begins with '@' for the abstract name space. It must not be longer than kLongestPath.
  [[nodiscard]] static Address local(Transport transport, std::string_view path) noexcept;

  [[nodiscard]] Transport transport() const noexcept { return transport_; }
  [[nodiscard]] bool is_unix() const noexcept { return transport_ >= Transport::unix_stream; }
  [[nodiscard]] bool is_stream() const noexcept {
    return transport_ == Transport::tcp || transport_ == Transport::unix_stream;
  }

  /// The host, without brackets; empty for a Unix address.
  [[nodiscard]] std::string_view host() const noexcept;
  /// The port in host byte order; 0 asks the kernel for a free one.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// The path, or '@' and the abstract name, or "" for an unnamed Unix socket; empty for an IP
  /// address.
  [[nodiscard]] std::string_view path() const noexcept;

  /// The same address with another port.
  [[nodiscard]] Address with_port(std::uint16_t port) const noexcept;

  bool operator==(const Address& other) const noexcept;

 private:
  Address(Transport transport, std::string_view name, std::uint16_t port) noexcept;
  [[nodiscard]] std::string_view name() const noexcept;

  Transport transport_;
  std::uint8_t length_;
  std::uint16_t port_;
  std::array<char, kLongestHost> name_{};
};

/// The canonical text of an address, held in place: "tcp://[::1]:7788".
class AddressText {
 public:
  explicit AddressText(const Address& address) noexcept;
  [[nodiscard]] std::string_view view() const noexcept;
  operator std::string_view() const noexcept { return view(); }

 private:
  std::array<char, Address::kLongestHost + 32> text_;
  std::size_t length_;
};

/// "tcp", "udp", "unix", "unix-datagram".
[[nodiscard]] std::string_view to_text(Transport transport) noexcept;

}  // namespace headrace
