// SPDX-License-Identifier: MIT
//
// parse_segment: headers of IPv4, IPv6 and TCP from bytes, whole and cut.
#include "tcp_state/segment.hpp"

#include <array>

#include <gtest/gtest.h>

#include "packet_bytes.hpp"

namespace headrace::tcp_state {
namespace {

TcpEndpoint ipv4_end(std::uint8_t last, std::uint16_t port) {
  const std::array<std::uint8_t, 4> bytes{127, 0, 0, last};
  return {.host = ipv4_host(bytes), .port = port};
}

Segment sample() {
  Segment segment;
  segment.source = ipv4_end(1, 45678);
  segment.destination = ipv4_end(2, 7788);
  segment.sequence = 0xFFFFFFF0;
  segment.acknowledgement = 0x01020304;
  segment.window = 512;
  segment.bits = kPsh | kAck;
  segment.length = 5;
  return segment;
}

void expect_sample(const std::optional<Segment>& read) {
  ASSERT_TRUE(read);
  const Segment sent = sample();
  EXPECT_EQ(read->sequence, sent.sequence);
  EXPECT_EQ(read->acknowledgement, sent.acknowledgement);
  EXPECT_EQ(read->window, sent.window);
  EXPECT_EQ(read->bits, sent.bits);
  EXPECT_EQ(read->length, sent.length);
  EXPECT_EQ(read->source.port, sent.source.port);
  EXPECT_EQ(read->destination.port, sent.destination.port);
}

TEST(Segment, IsReadFromIpv4) {
  const auto bytes = ipv4_packet(sample());
  const auto read = parse_segment(bytes, bytes.size());
  expect_sample(read);
  EXPECT_EQ(read->source, sample().source);
  EXPECT_EQ(read->destination, sample().destination);
}

TEST(Segment, IsReadFromIpv6BehindExtensionHeaders) {
  Segment sent = sample();
  sent.source.host = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  sent.destination.host = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const PacketBytes hop_by_hop_and_destination{60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0};
  for (const auto& bytes : {ipv6_packet(sent), ipv6_packet(sent, 0, hop_by_hop_and_destination)}) {
    const auto read = parse_segment(bytes, bytes.size());
    expect_sample(read);
    EXPECT_EQ(read->source, sent.source);
    EXPECT_EQ(read->destination, sent.destination);
  }
}

TEST(Segment, LengthIsThatOfTheWholePacketWhateverWasCaptured) {
  Segment sent = sample();
  sent.length = 1400;
  auto bytes = ipv4_packet(sent);
  const std::size_t whole = bytes.size();
  bytes.resize(60);
  EXPECT_EQ(parse_segment(bytes, whole)->length, 1400U);
}

TEST(Segment, BytesThatFillAShortFrameAreNoData) {
  Segment sent = sample();
  sent.length = 0;
  auto bytes = ipv4_packet(sent);
  bytes.resize(46);  // Ethernet's least
  EXPECT_EQ(parse_segment(bytes, bytes.size())->length, 0U);
}

TEST(Segment, ALengthOfZeroMeansThatItDidNotFit) {
  Segment sent = sample();
  sent.length = 100'000;
  auto bytes = ipv4_packet(sent);
  bytes[2] = bytes[3] = 0;
  EXPECT_EQ(parse_segment(bytes, bytes.size())->length, 100'000U);
}

TEST(Segment, OptionsAreRead) {
  const PacketBytes options{2, 4, 0xFF, 0xD7, 4, 2, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4, 1, 3, 3, 7};
  const auto bytes = ipv4_packet(sample(), options);
  const auto read = parse_segment(bytes, bytes.size());
  expect_sample(read);
  EXPECT_EQ(read->options.maximum_segment_size, 65495);
  EXPECT_EQ(read->options.window_scale, 7);
  EXPECT_TRUE(read->options.may_acknowledge_selectively);
  EXPECT_EQ(read->options.timestamps, (SegmentOptions::Timestamps{.value = 0x102, .echo = 0x304}));
}

TEST(Segment, SelectiveAcknowledgementsAreCounted) {
  PacketBytes options{1, 1, 5, 18};
  options.resize(20);
  const auto bytes = ipv4_packet(sample(), options);
  EXPECT_EQ(parse_segment(bytes, bytes.size())->options.selective_blocks, 2);
}

TEST(Segment, OptionsThatMakeNoSenseEndThem) {
  for (const PacketBytes& options :
       {PacketBytes{3, 0, 0, 0}, PacketBytes{3, 1, 7, 0}, PacketBytes{3, 9, 7, 0},
        PacketBytes{1, 1, 1, 3}, PacketBytes{0, 3, 3, 7}}) {
    const auto bytes = ipv4_packet(sample(), options);
    const auto read = parse_segment(bytes, bytes.size());
    expect_sample(read);
    EXPECT_FALSE(read->options.window_scale);
  }
}

TEST(Segment, NothingIsReadFromAPacketCutWithinItsHeaders) {
  const auto ipv4 = ipv4_packet(sample());
  for (std::size_t size = 0; size < 40; ++size)
    EXPECT_FALSE(parse_segment(std::span{ipv4}.first(size), ipv4.size())) << size;
  EXPECT_TRUE(parse_segment(std::span{ipv4}.first(40), ipv4.size()));
  const auto ipv6 = ipv6_packet(sample());
  for (std::size_t size = 0; size < 60; ++size)
    EXPECT_FALSE(parse_segment(std::span{ipv6}.first(size), ipv6.size())) << size;
}

TEST(Segment, OthersThanTcpAreNone) {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    auto bytes = ipv4_packet(sample());
    bytes[at] = value;
    return parse_segment(bytes, bytes.size());
  };
  EXPECT_TRUE(changed(6, 0x20));   // the first of several fragments
  EXPECT_FALSE(changed(7, 0x01));  // a later one
  EXPECT_FALSE(changed(9, 17));    // UDP
  EXPECT_FALSE(changed(0, 0x55));
  EXPECT_FALSE(changed(0, 0x44));   // a header of 16 bytes
  EXPECT_FALSE(changed(0, 0x4F));   // a header of 60 bytes, longer than the packet
  EXPECT_FALSE(changed(3, 30));     // shorter than its headers
  EXPECT_FALSE(changed(32, 0x40));  // a TCP header of 16 bytes
  EXPECT_FALSE(changed(32, 0xF0));  // of 60, longer than the packet
}

}  // namespace
}  // namespace headrace::tcp_state
