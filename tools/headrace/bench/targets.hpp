// SPDX-License-Identifier: MIT
//
// Where connections go: the server's address, and which address of ours they come from.
#pragma once

#include <cstdint>

#include "headrace/result.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

/// Whether connections may come from many addresses of this machine.
enum class Origins : std::uint8_t { one, many };

/// Begins a connection to `target`: a socket that does not block, connected or about to be.
///
/// With `many`, and a target on 127.0.0.0/8, the `number`-th connection comes from an address of
/// its own among 64: a closed connection keeps its pair of ports for a minute (TIME_WAIT), and from
/// one address to one port there are but 28,000.
[[nodiscard]] Result<net::Socket> begin_connection(const net::SocketAddress& target,
                                                   Origins origins, std::uint64_t number);

}  // namespace headrace::bench
