// SPDX-License-Identifier: MIT
//
// The counts of datagrams in words, for the log and for --interactive.
#pragma once

#include <string>

#include "headrace/datagram.hpp"

namespace headrace::tool {

/// "12 datagrams in, 11 out, 96 B in, 88 B out, 1 unanswerable".
[[nodiscard]] std::string datagram_traffic(const DatagramCounts& counts);

}  // namespace headrace::tool
