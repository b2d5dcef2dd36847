// SPDX-License-Identifier: MIT
//
// Bytes of an IPv4 packet with a TCP segment, checksums included, to be sent by a raw socket.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tcp_state/segment.hpp"

namespace headrace::watch {

/// The segment as it was seen, but with `hop_limit`; of its options, timestamps only.
[[nodiscard]] std::vector<std::uint8_t> crafted_packet(const tcp_state::Segment& segment,
                                                       std::string_view data,
                                                       std::uint8_t hop_limit);

}  // namespace headrace::watch
