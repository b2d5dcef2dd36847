// SPDX-License-Identifier: MIT
//
// A door's address may stand for several of the kernel's: "localhost" is two, a name any number.
// All of them are opened, at one port. Not here: what is opened (serve.cpp, datagrams.cpp).
#pragma once

#include "net/resolver.hpp"

namespace headrace::models {

// Longer than getaddrinfo(3) tries by itself with two name servers.
inline constexpr int kNamePatienceMs = 30'000;

/// Calls `open` with every kernel address of `at`; it binds there and answers with the port, which
/// the others get too where the kernel is to choose one. A name is waited for, but not beyond
/// kNamePatienceMs, nor once `stopper` is readable (-1: none). The first failure is the answer.
template <class Open>
Result<> open_each(const Address& at, int stopper, Open open) {
  auto resolved = net::resolve_within(at, true, kNamePatienceMs, stopper);
  if (!resolved) return std::unexpected(resolved.error());
  std::uint16_t port = at.port();
  for (net::SocketAddress& one : *resolved) {
    net::set_port(one, port);
    const Result<std::uint16_t> opened = open(one);
    if (!opened) return std::unexpected(opened.error());
    port = *opened;
  }
  return {};
}

}  // namespace headrace::models
