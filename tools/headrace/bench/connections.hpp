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

/// Opens `count` connections, a few at a time, so that a short backlog is not run over.
///
/// Tries again while the server comes up (refused, no such file, backlog full) and gives up when
/// for `timeout` none was opened. A failure when not a single one could be opened; `canceled` when
/// `stop` became true first.
[[nodiscard]] Result<Connected> connect_all(const Address& target, std::size_t count,
                                            std::chrono::nanoseconds timeout,
                                            const std::atomic<bool>& stop);

/// Raises the soft limit of descriptors to the hard one; returns how many connections fit.
[[nodiscard]] std::size_t room_for_connections() noexcept;

}  // namespace headrace::bench
