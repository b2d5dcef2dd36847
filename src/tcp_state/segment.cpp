// SPDX-License-Identifier: MIT
//
// From bytes to a Segment: IPv4 (RFC 791) or IPv6 with extension headers (RFC 8200), then TCP with
// its options (RFC 9293, 3.1 and 3.2). Nothing that a packet says about lengths is believed.
#include "tcp_state/segment.hpp"

#include <algorithm>

#include <netinet/in.h>

namespace headrace::tcp_state {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kFixedIpv4 = 20, kFixedIpv6 = 40, kFixedTcp = 20;

std::uint16_t read_16(Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>((bytes[at] << 8U) | bytes[at + 1]);
}

std::uint32_t read_32(Bytes bytes, std::size_t at) noexcept {
  return (std::uint32_t{read_16(bytes, at)} << 16U) | read_16(bytes, at + 2);
}

// What an IP header says about the TCP segment behind it.
struct Inside {
  TcpHost source, destination;
  Bytes captured;        // of the segment
  std::size_t size = 0;  // of the whole segment
};

// `size` is what was sent of the IP packet, `header` what stands before the segment.
Inside inside_of(Bytes packet, std::size_t header, std::size_t size) noexcept {
  Inside inside{};
  inside.captured = packet.subspan(header, std::min(packet.size(), size) - header);
  inside.size = size - header;
  return inside;
}

std::optional<Inside> open_ipv4(Bytes packet, std::size_t whole_size) noexcept {
  if (packet.size() < kFixedIpv4) return std::nullopt;
  const std::size_t header = std::size_t{4} * (packet[0] & 0x0FU);
  // Behind hardware that cuts big segments itself the field may be 0: too much for 16 bits.
  const std::size_t told = read_16(packet, 2);
  const std::size_t size = told == 0 ? whole_size : std::min(told, whole_size);
  const bool first_fragment = (read_16(packet, 6) & 0x1FFFU) == 0;
  if (header < kFixedIpv4 || header > packet.size() || header > size || !first_fragment ||
      packet[9] != IPPROTO_TCP)
    return std::nullopt;
  Inside inside = inside_of(packet, header, size);
  inside.source = ipv4_host(packet.subspan<12, 4>());
  inside.destination = ipv4_host(packet.subspan<16, 4>());
  return inside;
}

// Where the TCP header begins behind extension headers; nothing when it does not.
std::optional<std::size_t> skip_extensions(Bytes packet) noexcept {
  std::uint8_t next = packet[6];
  std::size_t at = kFixedIpv6;
  while (next != IPPROTO_TCP) {
    if (at + 8 > packet.size()) return std::nullopt;
    const std::uint8_t kind = next;
    next = packet[at];
    if (kind == IPPROTO_FRAGMENT) {
      if ((read_16(packet, at + 2) & 0xFFF8U) != 0) return std::nullopt;
      at += 8;
    } else if (kind == IPPROTO_HOPOPTS || kind == IPPROTO_ROUTING || kind == IPPROTO_DSTOPTS) {
      at += (std::size_t{packet[at + 1]} + 1) * 8;
    } else if (kind == IPPROTO_AH) {
      at += (std::size_t{packet[at + 1]} + 2) * 4;
    } else {
      return std::nullopt;
    }
  }
  return at;
}

std::optional<Inside> open_ipv6(Bytes packet, std::size_t whole_size) noexcept {
  if (packet.size() < kFixedIpv6) return std::nullopt;
  const auto header = skip_extensions(packet);
  const std::size_t told = read_16(packet, 4);  // 0: a jumbogram (RFC 2675)
  const std::size_t size = told == 0 ? whole_size : std::min(told + kFixedIpv6, whole_size);
  if (!header || *header > packet.size() || *header > size) return std::nullopt;
  Inside inside = inside_of(packet, *header, size);
  std::ranges::copy(packet.subspan<8, 16>(), inside.source.begin());
  std::ranges::copy(packet.subspan<24, 16>(), inside.destination.begin());
  return inside;
}

// One option; `option` holds all of it, kind and length included.
void take_option(Bytes option, SegmentOptions& into) noexcept {
  enum Kind : std::uint8_t { kSize = 2, kScale = 3, kSackPermitted = 4, kSack = 5, kTimes = 8 };
  const std::uint8_t kind = option[0];
  if (kind == kSize && option.size() == 4) into.maximum_segment_size = read_16(option, 2);
  if (kind == kScale && option.size() == 3)
    into.window_scale = std::min<std::uint8_t>(option[2], 14);  // RFC 7323, 2.3
  if (kind == kSackPermitted && option.size() == 2) into.may_acknowledge_selectively = true;
  if (kind == kSack) into.selective_blocks = static_cast<std::uint8_t>((option.size() - 2) / 8);
  if (kind == kTimes && option.size() == 10)
    into.timestamps = {.value = read_32(option, 2), .echo = read_32(option, 6)};
}

SegmentOptions parse_options(Bytes bytes) noexcept {
  constexpr std::uint8_t kEnd = 0, kNothing = 1;
  SegmentOptions options;
  while (!bytes.empty() && bytes[0] != kEnd) {
    if (bytes[0] == kNothing) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) break;
    take_option(bytes.first(bytes[1]), options);
    bytes = bytes.subspan(bytes[1]);
  }
  return options;
}

}  // namespace

std::optional<Segment> parse_segment(std::span<const std::uint8_t> packet,
                                     std::size_t whole_size) noexcept {
  if (packet.empty()) return std::nullopt;
  whole_size = std::max(whole_size, packet.size());
  const unsigned version = packet[0] >> 4U;
  const auto inside = version == 4   ? open_ipv4(packet, whole_size)
                      : version == 6 ? open_ipv6(packet, whole_size)
                                     : std::nullopt;
  if (!inside || inside->captured.size() < kFixedTcp) return std::nullopt;
  const Bytes tcp = inside->captured;
  const std::size_t header = std::size_t{4} * (tcp[12] >> 4U);
  if (header < kFixedTcp || header > inside->size) return std::nullopt;

  Segment segment;
  segment.source = {.host = inside->source, .port = read_16(tcp, 0)};
  segment.destination = {.host = inside->destination, .port = read_16(tcp, 2)};
  segment.sequence = read_32(tcp, 4);
  segment.acknowledgement = read_32(tcp, 8);
  segment.bits = tcp[13] & 0x3FU;
  segment.window = read_16(tcp, 14);
  segment.length = static_cast<std::uint32_t>(inside->size - header);
  const std::size_t end_of_options = std::min(header, tcp.size());
  segment.options = parse_options(tcp.subspan(kFixedTcp, end_of_options - kFixedTcp));
  return segment;
}

}  // namespace headrace::tcp_state
