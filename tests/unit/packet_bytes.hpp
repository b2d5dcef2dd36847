// SPDX-License-Identifier: MIT
//
// IP packets with TCP headers, put together byte by byte for tests. Checksums are left out, as on
// loopback.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tcp_state/segment.hpp"

namespace headrace::tcp_state {

using PacketBytes = std::vector<std::uint8_t>;

inline void put_16(PacketBytes& into, std::uint32_t value) {
  into.push_back(static_cast<std::uint8_t>(value >> 8U));
  into.push_back(static_cast<std::uint8_t>(value));
}

inline void put_32(PacketBytes& into, std::uint32_t value) {
  put_16(into, value >> 16U);
  put_16(into, value);
}

/// The TCP header of `segment` and `options` (whose size is a multiple of 4), without data.
inline PacketBytes tcp_header(const Segment& segment, const PacketBytes& options = {}) {
  PacketBytes bytes;
  put_16(bytes, segment.source.port);
  put_16(bytes, segment.destination.port);
  put_32(bytes, segment.sequence);
  put_32(bytes, segment.acknowledgement);
  bytes.push_back(static_cast<std::uint8_t>((5 + options.size() / 4) << 4U));
  bytes.push_back(segment.bits);
  put_16(bytes, segment.window);
  put_32(bytes, 0);  // checksum, urgent pointer
  bytes.insert(bytes.end(), options.begin(), options.end());
  return bytes;
}

inline PacketBytes ipv4_packet(const Segment& segment, const PacketBytes& options = {}) {
  PacketBytes tcp = tcp_header(segment, options);
  PacketBytes bytes{0x45, 0};
  put_16(bytes, static_cast<std::uint32_t>(20 + tcp.size() + segment.length));
  put_32(bytes, 0x4000);  // identification, do not fragment
  bytes.insert(bytes.end(), {64, 6, 0, 0});
  bytes.insert(bytes.end(), segment.source.host.begin() + 12, segment.source.host.end());
  bytes.insert(bytes.end(), segment.destination.host.begin() + 12, segment.destination.host.end());
  bytes.insert(bytes.end(), tcp.begin(), tcp.end());
  bytes.resize(bytes.size() + segment.length);
  return bytes;
}

/// `extensions` are whole extension headers, of which the first is of kind `first`.
inline PacketBytes ipv6_packet(const Segment& segment, std::uint8_t first = 6,
                               const PacketBytes& extensions = {}) {
  const PacketBytes tcp = tcp_header(segment);
  PacketBytes bytes{0x60, 0, 0, 0};
  put_16(bytes, static_cast<std::uint32_t>(extensions.size() + tcp.size() + segment.length));
  bytes.insert(bytes.end(), {first, 64});
  bytes.insert(bytes.end(), segment.source.host.begin(), segment.source.host.end());
  bytes.insert(bytes.end(), segment.destination.host.begin(), segment.destination.host.end());
  bytes.insert(bytes.end(), extensions.begin(), extensions.end());
  bytes.insert(bytes.end(), tcp.begin(), tcp.end());
  bytes.resize(bytes.size() + segment.length);
  return bytes;
}

}  // namespace headrace::tcp_state
