// SPDX-License-Identifier: MIT
//
// Why a datagram could not be sent or received, as the one line a user reads: what failed, where,
// why, and what to try.
#pragma once

#include <string>

#include "headrace/address.hpp"
#include "headrace/result.hpp"

namespace headrace::tool {

/// "send to udp://127.0.0.1:9: connection refused (sendmsg): nobody receives there; ...".
[[nodiscard]] std::string explain_send(const Address& to, const Failure& failure);

/// "receive on udp://127.0.0.1:8088: address already in use (bind): held by python3 (pid 812);
/// ...".
[[nodiscard]] std::string explain_receive(const Address& at, const Failure& failure);

}  // namespace headrace::tool
