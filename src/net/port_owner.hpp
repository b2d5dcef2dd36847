// SPDX-License-Identifier: MIT
//
// Who listens at an address: for "port 7788 is taken by nginx (pid 812)", and to find the processes
// whose CPU time a benchmark counts.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "headrace/address.hpp"

namespace headrace::net {

struct PortOwner {
  std::string name;  ///< From /proc/PID/comm, at most 15 bytes; what is not printable ASCII is '?'.
  pid_t pid = 0;
};

struct PortOwners {
  std::vector<PortOwner> owners;  ///< Every process that holds such a socket, the lowest pid first.
  bool listening = false;         ///< Somebody listens there.
  /// At least one such socket has no holder that we may see: it is another user's (root sees all),
  /// another container's, or the kernel's own.
  bool hidden = false;
};

/// Who holds the sockets that listen (datagrams: are bound) where `address` points, or would be in
/// the way of binding it: a wildcard stands for every address of this machine, IPv4 and IPv6.
/// Nobody, when `address` is not of this machine.
///
/// Blocks while it resolves a name and reads /proc/net and /proc/*/fd. Sees this network namespace,
/// and is true for one instant.
[[nodiscard]] PortOwners find_port_owners(const Address& address);

}  // namespace headrace::net
