// SPDX-License-Identifier: MIT
//
// The headers of one TCP segment, read from the bytes of an IP packet.
//
// Pure: no system call. Link layers are the kernel's business (a packet socket of type SOCK_DGRAM
// hands over what follows them). Not here: payload, checksums (on loopback they are not filled in),
// IP fragments other than the first and packets within packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "headrace/tcp_state.hpp"

namespace headrace::tcp_state {

/// Control bits of a TCP header, as they lie in its byte 13 (RFC 9293, 3.1).
enum ControlBits : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

/// What TCP options say; absent where the segment has no such option.
struct SegmentOptions {
  std::optional<std::uint16_t> maximum_segment_size;
  std::optional<std::uint8_t> window_scale;
  /// RFC 7323: the sender's clock, and the last of the other's that it saw.
  struct Timestamps {
    std::uint32_t value = 0, echo = 0;
    auto operator<=>(const Timestamps&) const = default;
  };
  std::optional<Timestamps> timestamps;
  bool may_acknowledge_selectively = false;
  std::uint8_t selective_blocks = 0;  ///< how many ranges a SACK names
};

struct Segment {
  std::int64_t time_ns = 0;     ///< when it was seen, since 1970
  std::uint32_t interface = 0;  ///< index of the interface it was seen on
  TcpEndpoint source, destination;
  std::uint32_t sequence = 0, acknowledgement = 0;
  std::uint32_t length = 0;  ///< bytes of data, whether captured or not
  std::uint16_t window = 0;  ///< as it stands in the header, not scaled
  std::uint8_t bits = 0;     ///< ControlBits
  SegmentOptions options;

  [[nodiscard]] bool has(std::uint8_t wanted) const noexcept { return (bits & wanted) == wanted; }
  /// Sequence numbers it takes: a SYN and a FIN count as one byte each.
  [[nodiscard]] std::uint32_t space() const noexcept {
    return length + (has(kSyn) ? 1U : 0U) + (has(kFin) ? 1U : 0U);
  }
};

/// Reads a packet that begins with its IPv4 or IPv6 header, of which `packet` was captured and
/// `whole_size` bytes were sent. Nothing where it is not TCP, not the first fragment, or cut before
/// the end of the fixed TCP header; options that were cut or make no sense are left out.
[[nodiscard]] std::optional<Segment> parse_segment(std::span<const std::uint8_t> packet,
                                                   std::size_t whole_size) noexcept;

}  // namespace headrace::tcp_state
