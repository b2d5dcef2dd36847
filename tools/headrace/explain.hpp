// SPDX-License-Identifier: MIT
//
// A Failure as the one line a user reads: what failed, where, why, and what to try.
#pragma once

#include <string>
#include <string_view>

#include "headrace/address.hpp"
#include "headrace/result.hpp"

namespace headrace::tool {

/// "listen on tcp://127.0.0.1:7788: address already in use (bind): held by nginx (pid 812); stop it
/// or use --listen". `address` is as the user gave it; empty where there is none. What comes from
/// elsewhere is escaped.
[[nodiscard]] std::string explain(std::string_view address, const Failure& failure);

/// Whether `failure` is the kernel's "invalid argument" for an IPv6 address that there is one of on
/// every network, without the interface that says which (ipv6(7), sin6_scope_id).
[[nodiscard]] bool lacks_zone(const Address& at, const Failure& failure);

}  // namespace headrace::tool
