// SPDX-License-Identifier: MIT
//
// Host names resolved on threads of their own, for whoever must not wait, or not for ever.
#pragma once

#include <memory>
#include <vector>

#include "net/socket.hpp"

namespace headrace::net {

using Addresses = Result<std::vector<SocketAddress>>;

/// Who wants to know.
class Asker {
 public:
  virtual ~Asker() = default;
  /// The answer, as `resolve` gives it; once, on a thread of the resolver's.
  virtual void answered(Addresses addresses) noexcept = 0;
};

/// Asks for `address`, for `asker`. Whoever no longer wants to know lets go of his share of
/// `asker`: a look-up that has not begun is then left out, one that has goes on, and its answer is
/// dropped.
///
/// At most 16 look-ups are under way in a process; others wait for one of them. Any thread. Fails
/// with `out_of_memory` when no thread can be had.
[[nodiscard]] Result<> look_up(const Address& address, bool passive, std::shared_ptr<Asker> asker);

/// The same as `resolve`, waiting at most `timeout_ms`, and no longer than until `stop` is readable
/// (poll(2); -1 for none): then `timed_out` and `canceled`. Blocks, so not on a loop.
[[nodiscard]] Addresses resolve_within(const Address& address, bool passive, int timeout_ms,
                                       int stop);

}  // namespace headrace::net
