// SPDX-License-Identifier: MIT
//
// The messages of sock_diag(7) about TCP: what we ask, as bytes, and what a row of the answer says.
// Nothing here talks to the kernel: tests and fuzzers call it with bytes of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "headrace/tcp_state.hpp"

namespace headrace::tcp {

using Bytes = std::span<const std::byte>;

/// The request for all sockets of `family` (AF_INET, AF_INET6) that `filter` means, but for its
/// pid. The part of `room` that it takes; `number` comes back in each row.
[[nodiscard]] Bytes write_dump_request(std::span<std::byte, 1024> room, int family,
                                       const TcpFilter& filter, std::uint32_t number) noexcept;

/// The row in a message whose payload, behind the netlink header, is `payload`. Nothing when it is
/// too short or about another protocol.
[[nodiscard]] std::optional<TcpSocket> read_row(Bytes payload) noexcept;

/// What is in a datagram of netlink messages.
struct Visitor {
  void (*row)(void* visitor, const TcpSocket& socket);
  void* self;
};
struct DatagramEnd {
  bool done = false;         ///< the dump is complete
  bool interrupted = false;  ///< rows may be missing
  int error = 0;             ///< an errno of the kernel's, or EBADMSG
};
/// Calls `visitor` for each row in `datagram`. With `number` not 0, messages that answer another
/// request are passed over.
[[nodiscard]] DatagramEnd read_datagram(Bytes datagram, std::uint32_t number,
                                        const Visitor& visitor) noexcept;

/// A state of the kernel's (<netinet/tcp.h>) in ours. Nothing for what is no state.
[[nodiscard]] std::optional<TcpState> state_of(int kernel_state) noexcept;

}  // namespace headrace::tcp
