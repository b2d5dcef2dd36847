// SPDX-License-Identifier: MIT
//
// RFC 791 and RFC 9293, 3.1: headers, and the checksum over them that every receiver looks at.
#include "watch/crafted_segment.hpp"

#include <span>

#include <netinet/in.h>

namespace headrace::watch {

namespace {

using Bytes = std::vector<std::uint8_t>;

void put_16(Bytes& into, std::uint32_t value) {
  into.push_back(static_cast<std::uint8_t>(value >> 8U));
  into.push_back(static_cast<std::uint8_t>(value));
}

void put_32(Bytes& into, std::uint32_t value) {
  put_16(into, value >> 16U);
  put_16(into, value);
}

void put_host(Bytes& into, const TcpHost& host) {
  into.insert(into.end(), host.begin() + 12, host.end());  // the IPv4 part
}

// The ones' complement of the sum of all 16-bit words.
std::uint32_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : std::uint32_t{bytes[i]};
  while (sum > 0xFFFF) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return ~sum & 0xFFFFU;
}

void store_16(Bytes& into, std::size_t at, std::uint32_t value) {
  into[at] = static_cast<std::uint8_t>(value >> 8U);
  into[at + 1] = static_cast<std::uint8_t>(value);
}

Bytes tcp_part(const tcp_state::Segment& segment, std::string_view data) {
  Bytes tcp;
  put_16(tcp, segment.source.port);
  put_16(tcp, segment.destination.port);
  put_32(tcp, segment.sequence);
  put_32(tcp, segment.acknowledgement);
  const auto& times = segment.options.timestamps;
  tcp.push_back(times ? 0x80 : 0x50);  // 8 or 5 words
  tcp.push_back(segment.bits);
  put_16(tcp, segment.window);
  put_32(tcp, 0);  // checksum, urgent pointer
  if (times) {
    tcp.insert(tcp.end(), {1, 1, 8, 10});  // two fillers, timestamps of 10 bytes
    put_32(tcp, times->value);
    put_32(tcp, times->echo);
  }
  tcp.insert(tcp.end(), data.begin(), data.end());
  Bytes pseudo;
  put_host(pseudo, segment.source.host);
  put_host(pseudo, segment.destination.host);
  put_16(pseudo, IPPROTO_TCP);
  put_16(pseudo, static_cast<std::uint32_t>(tcp.size()));
  pseudo.insert(pseudo.end(), tcp.begin(), tcp.end());
  store_16(tcp, 16, checksum(pseudo));
  return tcp;
}

}  // namespace

std::vector<std::uint8_t> crafted_packet(const tcp_state::Segment& segment, std::string_view data,
                                         std::uint8_t hop_limit) {
  const Bytes tcp = tcp_part(segment, data);
  Bytes packet{0x45, 0};
  put_16(packet, static_cast<std::uint32_t>(20 + tcp.size()));
  put_32(packet, 0x4000);  // do not fragment
  packet.insert(packet.end(), {hop_limit, IPPROTO_TCP, 0, 0});
  put_host(packet, segment.source.host);
  put_host(packet, segment.destination.host);
  store_16(packet, 10, checksum(packet));
  packet.insert(packet.end(), tcp.begin(), tcp.end());
  return packet;
}

}  // namespace headrace::watch
