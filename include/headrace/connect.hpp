// SPDX-License-Identifier: MIT
//
// Connecting to a listener.
#pragma once

#include "headrace/address.hpp"
#include "headrace/stream.hpp"
#include "headrace/task.hpp"

namespace headrace {

class Engine;

/// A stream to `to` on `engine`, all within `deadline`.
///
/// A name is resolved on a thread of its own, so a loop goes on meanwhile; given up, it is left to
/// itself. Its addresses are tried as RFC 8305 has it: in the order getaddrinfo(3) gives but the
/// families by turns, the next one as soon as one has failed and at the latest 250 ms later, side
/// by side; the first to answer wins and the others are closed. Under a blocking engine each try
/// beside the first is a thread. Can be cancelled at any time.
///
/// Failures: `refused`, `unreachable`, `timed_out` (`call` says of what: connect or getaddrinfo),
/// `canceled`, `name_not_found`, `address_unavailable` (no free local port), `permission_denied`,
/// `invalid_address` (a datagram transport), `too_many_descriptors`, `out_of_memory`. Of several
/// addresses, that of the last one that a network leads to. See connect(2).
[[nodiscard]] Task<Result<Stream>> connect(Engine& engine, Address to,
                                           Deadline deadline = Deadline::never());

/// The same from a local address: a numeric one of this machine, or a Unix path to be bound, which
/// stays behind. Its port may be 0. Addresses of another family are not tried. Fails also with
/// `address_in_use`, and with `invalid_address` when `from` is a name or of another transport.
[[nodiscard]] Task<Result<Stream>> connect_from(Engine& engine, Address from, Address to,
                                                Deadline deadline = Deadline::never());

}  // namespace headrace
