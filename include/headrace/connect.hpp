// SPDX-License-Identifier: MIT
//
// Connecting to a listener.
#pragma once

#include "headrace/address.hpp"
#include "headrace/stream.hpp"
#include "headrace/task.hpp"

namespace headrace {

class Engine;

/// A stream to `to` on `engine`.
///
/// The addresses of a name are tried in the order getaddrinfo(3) gives until one answers, all
/// within `deadline`. Failures: `refused`, `unreachable`, `timed_out`, `canceled`,
/// `name_not_found`, `address_unavailable` (no free local port), `permission_denied`,
/// `invalid_address` (a datagram transport), `too_many_descriptors`. See connect(2).
[[nodiscard]] Task<Result<Stream>> connect(Engine& engine, Address to,
                                           Deadline deadline = Deadline::never());

}  // namespace headrace
