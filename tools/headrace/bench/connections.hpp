// SPDX-License-Identifier: MIT
//
// Opening many connections to one server, and the descriptors that takes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include "headrace/address.hpp"
#include "headrace/result.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

/// What came of an attempt to open `count` connections.
struct Connected {
  std::vector<net::Socket> sockets;  ///< non-blocking
  std::size_t missing = 0;           ///< how many could not be opened
  Failure failure;                   ///< why, where `missing` is not 0
};

/// How connections are opened.
struct Opening {
  std::size_t count = 1;
  std::chrono::nanoseconds ramp{};  ///< evenly over so long; 0: as fast as they are taken
  std::chrono::nanoseconds timeout = std::chrono::seconds{3};
};

/// Opens connections, a few at a time, so that a short backlog is not run over.
///
/// Tries again while the server comes up (refused, no such file, backlog full) and gives up when
/// for `timeout` none was opened (`ramp` leaves pauses of its own). A failure when not a single one
/// could be opened; `canceled` when `stop` became true first.
[[nodiscard]] Result<Connected> connect_all(const Address& target, const Opening& opening,
                                            const std::atomic<bool>& stop);

/// The same for datagrams: sockets that send to `target` and hear only it. There is nothing to
/// accept, so the first asks until it is answered, which is what `timeout` bounds.
[[nodiscard]] Result<Connected> open_datagram_sockets(const Address& target, const Opening& opening,
                                                      const std::atomic<bool>& stop);

/// Raises the soft limit of descriptors to the hard one; returns how many connections fit.
[[nodiscard]] std::size_t room_for_connections() noexcept;

}  // namespace headrace::bench
