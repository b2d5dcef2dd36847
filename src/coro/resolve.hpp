// SPDX-License-Identifier: MIT
//
// A host name resolved for a task, which waits for it as for any operation.
#pragma once

#include "headrace/deadline.hpp"
#include "headrace/task.hpp"
#include "net/resolver.hpp"

namespace headrace {

class Engine;

namespace detail {

/// The kernel addresses of `address`, to connect to; never empty on success. At once for what is no
/// name. Failures: as net::resolve, and `timed_out` at `deadline`, `canceled`.
[[nodiscard]] Task<net::Addresses> resolve(Engine& engine, Address address, Deadline deadline);

}  // namespace detail
}  // namespace headrace
