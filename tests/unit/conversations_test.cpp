// SPDX-License-Identifier: MIT
//
// Conversations from segments made by hand: counting, remarks, and the states that both sides are
// proved to be in.
#include "tcp_state/conversations.hpp"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::tcp_state {
namespace {

using enum TcpState;

constexpr std::int64_t kMs = 1'000'000;

TcpEndpoint end_at(std::uint16_t port) {
  constexpr std::array<std::uint8_t, 4> kHost{127, 0, 0, 1};
  return {.host = ipv4_host(kHost), .port = port};
}

// Segments between a client and a server, and what becomes of them.
class Wire : public ConversationObserver {
 public:
  std::uint32_t client_base = 1000, server_base = 5000;
  std::uint16_t client_port = 50001;
  std::int64_t now_ns = 1;
  std::vector<Rung> rungs;
  std::vector<Conversation> ended;
  Conversation last;
  Conversations conversations{*this, 64};

  void on_rung(const Conversation& conversation, const Rung& rung) override {
    rungs.push_back(rung);
    last = conversation;
  }
  void on_end(const Conversation& conversation) override {
    ended.push_back(conversation);
    last = conversation;
  }

  /// Relative numbers, as they are to be counted.
  void send(Side from, std::uint8_t bits, std::int64_t sequence, std::int64_t acknowledgement,
            std::uint32_t length = 0, std::uint16_t window = 100, std::uint32_t interface = 1) {
    const bool client = from == Side::left;
    Segment segment;
    segment.time_ns = now_ns += kMs;
    segment.interface = interface;
    segment.source = end_at(client ? client_port : 7788);
    segment.destination = end_at(client ? 7788 : client_port);
    segment.sequence = (client ? client_base : server_base) + static_cast<std::uint32_t>(sequence);
    segment.acknowledgement =
        (client ? server_base : client_base) + static_cast<std::uint32_t>(acknowledgement);
    segment.bits = bits;
    segment.length = length;
    segment.window = window;
    conversations.observe(segment);
  }
  void client(std::uint8_t bits, std::int64_t sequence, std::int64_t ack, std::uint32_t length = 0,
              std::uint16_t window = 100) {
    send(Side::left, bits, sequence, ack, length, window);
  }
  void server(std::uint8_t bits, std::int64_t sequence, std::int64_t ack, std::uint32_t length = 0,
              std::uint16_t window = 100) {
    send(Side::right, bits, sequence, ack, length, window);
  }
  void shake_hands() {
    client(kSyn, 0, 0);
    server(kSyn | kAck, 0, 1);
    client(kAck, 1, 1);
  }

  [[nodiscard]] std::uint16_t remarks() const { return rungs.back().remarks; }
  void expect(TcpState left, TcpState right) const {
    EXPECT_EQ(last.state(Side::left), left) << to_text(last.state(Side::left).value_or(closed));
    EXPECT_EQ(last.state(Side::right), right) << to_text(last.state(Side::right).value_or(closed));
  }
  void expect_all_legal() const {
    for (const Rung& rung : rungs)
      for (const StateChange& change : rung.changes())
        EXPECT_TRUE(change.legal) << to_text(*change.from) << " to " << to_text(change.to);
  }
  /// "SYN-SENT ESTABLISHED ...": what one side went through.
  [[nodiscard]] std::string path(Side side) const {
    std::string names;
    for (const Rung& rung : rungs)
      for (const StateChange& change : rung.changes())
        if (change.side == side)
          names += std::string{names.empty() ? "" : " "} + std::string{to_text(change.to)};
    return names;
  }
};

TEST(Conversations, HandshakeAndCloseGoThroughAllStatesOfTheSeedsFigure) {
  Wire wire;
  wire.shake_hands();
  wire.expect(established, established);
  wire.client(kFin | kAck, 1, 1);
  wire.server(kAck, 1, 2);
  wire.expect(fin_wait_2, close_wait);
  wire.server(kFin | kAck, 1, 2);
  wire.client(kAck, 2, 2);
  wire.expect(time_wait, closed);
  EXPECT_EQ(wire.path(Side::left), "SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
  EXPECT_EQ(wire.path(Side::right), "SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
  wire.expect_all_legal();
  ASSERT_EQ(wire.ended.size(), 1U);
  EXPECT_EQ(wire.ended[0].ending, Ending::closed);
  EXPECT_TRUE(wire.ended[0].seen_from_start);
}

TEST(Conversations, ThreeSegmentsMayCloseToo) {
  Wire wire;
  wire.shake_hands();
  wire.client(kFin | kAck, 1, 1);
  wire.server(kFin | kAck, 1, 2);
  wire.client(kAck, 2, 2);
  EXPECT_EQ(wire.path(Side::left), "SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
  EXPECT_EQ(wire.path(Side::right), "SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
  wire.expect_all_legal();
}

TEST(Conversations, ASideIsHalfClosedAsLongAsItLikes) {
  Wire wire;
  wire.shake_hands();
  wire.client(kFin | kAck, 1, 1);
  wire.server(kAck, 1, 2);
  wire.server(kPsh | kAck, 1, 2, 700);
  wire.client(kAck, 2, 701);
  wire.expect(fin_wait_2, close_wait);
  EXPECT_TRUE(wire.ended.empty());
}

TEST(Conversations, FinsThatCrossLeadThroughClosing) {
  for (const bool client_first : {true, false}) {
    Wire wire;
    wire.shake_hands();
    wire.client(kFin | kAck, 1, 1);
    wire.server(kFin | kAck, 1, 1);
    wire.expect(fin_wait_1, fin_wait_1);
    if (client_first) wire.client(kAck, 2, 2);
    wire.server(kAck, 2, 2);
    if (!client_first) wire.client(kAck, 2, 2);
    EXPECT_EQ(wire.path(Side::left), "SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    EXPECT_EQ(wire.path(Side::right), "SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    wire.expect_all_legal();
    ASSERT_EQ(wire.ended.size(), 1U);
  }
}

TEST(Conversations, SynsThatCrossOpenOneConnection) {
  Wire wire;
  wire.client(kSyn, 0, 0);
  wire.server(kSyn, 0, 0);
  wire.expect(syn_sent, syn_sent);
  wire.client(kSyn | kAck, 0, 1);
  wire.server(kSyn | kAck, 0, 1);
  EXPECT_EQ(wire.last.number, 1U);
  EXPECT_EQ(wire.path(Side::left), "SYN-SENT SYN-RECEIVED ESTABLISHED");
  EXPECT_EQ(wire.path(Side::right), "SYN-SENT SYN-RECEIVED ESTABLISHED");
  wire.expect_all_legal();
}

TEST(Conversations, ARefusedOneIsClosedOnBothSides) {
  Wire wire;
  wire.client(kSyn, 0, 0);
  wire.server(kRst | kAck, 0, 1);
  wire.expect(closed, closed);
  ASSERT_EQ(wire.ended.size(), 1U);
  EXPECT_EQ(wire.ended[0].ending, Ending::refused);
  wire.expect_all_legal();
}

TEST(Conversations, ResetEndsBothSidesAtOnce) {
  Wire wire;
  wire.shake_hands();
  wire.client(kPsh | kAck, 1, 1, 10);
  wire.server(kRst, 1, 0);
  wire.expect(closed, closed);
  EXPECT_EQ(wire.ended.at(0).ending, Ending::reset);
  wire.expect_all_legal();
}

TEST(Conversations, ASynThatNobodyAnswersIsSentAgainAndTheServerHasNoState) {
  Wire wire;
  wire.client(kSyn, 0, 0);
  wire.client(kSyn, 0, 0);
  EXPECT_EQ(wire.remarks(), kRetransmission);
  EXPECT_EQ(wire.last.state(Side::left), syn_sent);
  EXPECT_FALSE(wire.last.state(Side::right));
  wire.server(kSyn | kAck, 0, 1);
  wire.client(kAck, 1, 1);
  wire.expect(established, established);
  EXPECT_EQ(wire.last.number, 1U);
}

TEST(Conversations, AnAcknowledgementThatWasNotTakenIsTakenBack) {
  Wire wire;
  wire.shake_hands();
  wire.server(kSyn | kAck, 0, 1);  // the accept queue was full
  wire.expect(established, syn_received);
  EXPECT_TRUE(wire.rungs.back().changes().front().correction);
  wire.client(kAck, 1, 1);
  wire.expect(established, established);
  wire.expect_all_legal();
}

TEST(Conversations, ALostLastAckBringsTheFinAgain) {
  Wire wire;
  wire.shake_hands();
  wire.client(kFin | kAck, 1, 1);
  wire.server(kFin | kAck, 1, 2);
  wire.client(kAck, 2, 2);
  wire.expect(time_wait, closed);
  wire.server(kFin | kAck, 1, 2);
  wire.expect(time_wait, last_ack);
  EXPECT_EQ(wire.remarks(), kRetransmission | kAfterEnd);
  wire.client(kAck, 2, 2);
  wire.expect(time_wait, closed);
  EXPECT_EQ(wire.ended.size(), 1U) << "it ends once";
  wire.expect_all_legal();
}

TEST(Conversations, NumbersGoOnBeyondTwoToThe32) {
  Wire wire;
  wire.client_base = 0xFFFFFF00;
  wire.shake_hands();
  std::int64_t next = 1;
  constexpr std::uint32_t kPiece = 1U << 30U;
  for (int i = 0; i < 9; ++i) {  // more than twice around
    wire.client(kPsh | kAck, next, 1, kPiece);
    EXPECT_EQ(wire.rungs.back().sequence, next);
    next += kPiece;
    wire.server(kAck, 1, next);
    EXPECT_EQ(wire.rungs.back().acknowledgement, next);
    EXPECT_EQ(wire.remarks(), 0);
  }
  wire.client(kPsh | kAck, next - 10, 1, 10);
  EXPECT_EQ(wire.remarks(), kRetransmission);
}

TEST(Conversations, DataSentAgainIsToldFromDataOutOfOrder) {
  Wire wire;
  wire.shake_hands();
  wire.client(kAck, 1, 1, 100);
  wire.client(kAck, 201, 1, 100);
  EXPECT_EQ(wire.remarks(), kGap);
  wire.client(kAck, 101, 1, 100);
  EXPECT_EQ(wire.remarks(), kOutOfOrder);
  wire.client(kAck, 101, 1, 100);
  EXPECT_EQ(wire.remarks(), kRetransmission);
  wire.client(kAck, 301, 1, 100);
  EXPECT_EQ(wire.remarks(), 0);
}

TEST(Conversations, ADelayedAckIsToldFromALongWay) {
  Wire near;
  near.shake_hands();
  near.client(kPsh | kAck, 1, 1, 10);
  near.now_ns += 39 * kMs;
  near.server(kAck, 1, 11);
  EXPECT_EQ(near.remarks(), kDelayedAck);
  EXPECT_EQ(near.rungs.back().answered_after_ns, 40 * kMs);

  Wire far;  // the handshake took as long
  far.client(kSyn, 0, 0);
  far.now_ns += 80 * kMs;
  far.server(kSyn | kAck, 0, 1);
  far.client(kAck, 1, 1);
  far.client(kPsh | kAck, 1, 1, 10);
  far.now_ns += 80 * kMs;
  far.server(kAck, 1, 11);
  EXPECT_EQ(far.remarks(), 0);
}

TEST(Conversations, DataThatAnswersIsNoDelayedAck) {
  Wire wire;
  wire.shake_hands();
  wire.client(kPsh | kAck, 1, 1, 10);
  wire.now_ns += 500 * kMs;
  wire.server(kPsh | kAck, 1, 11, 5);
  EXPECT_EQ(wire.remarks(), 0);
}

TEST(Conversations, KeepAlivesAndWindowProbesAreToldApart) {
  Wire wire;
  wire.shake_hands();
  wire.client(kPsh | kAck, 1, 1, 10);
  wire.server(kAck, 1, 11);
  wire.client(kAck, 10, 1);
  EXPECT_EQ(wire.remarks(), kKeepAlive);
  wire.server(kAck, 1, 11);
  EXPECT_EQ(wire.remarks(), 0) << "the answer says nothing new, but nothing is missing";
  wire.server(kAck, 1, 11, 0, 0);
  EXPECT_EQ(wire.remarks(), kWindowClosed);
  wire.client(kAck, 10, 1);
  EXPECT_EQ(wire.remarks(), kWindowProbe);
  wire.server(kAck, 1, 11, 0, 50);
  EXPECT_EQ(wire.remarks(), kWindowOpened);
}

TEST(Conversations, ARepeatedAcknowledgementAsksForWhatIsMissing) {
  Wire wire;
  wire.shake_hands();
  wire.client(kAck, 1, 1, 100);
  wire.server(kAck, 1, 101);
  wire.client(kAck, 101, 1, 100);
  wire.server(kAck, 1, 101);
  EXPECT_EQ(wire.remarks(), kRepeatedAck);
}

TEST(Conversations, ANewSynOnTheSamePortsIsAnotherConversation) {
  Wire wire;
  wire.shake_hands();
  wire.client_base = 900'000;
  wire.client(kSyn, 0, 0);
  EXPECT_EQ(wire.last.number, 2U);
  ASSERT_EQ(wire.ended.size(), 1U);
  EXPECT_EQ(wire.ended[0].ending, Ending::replaced);
  EXPECT_EQ(wire.conversations.size(), 1U);
}

TEST(Conversations, WhatIsOlderThanWeBeginsWithWhatTheKernelKnows) {
  Wire guessed;
  guessed.client(kPsh | kAck, 77, 33, 5);
  guessed.expect(established, established);
  EXPECT_FALSE(guessed.last.seen_from_start);
  EXPECT_EQ(guessed.rungs.back().sequence, 1);
  EXPECT_EQ(guessed.last.end(Side::left).port, 50001);

  Wire known;
  known.conversations.know(end_at(50001), end_at(7788), fin_wait_2);
  known.conversations.know(end_at(7788), end_at(50001), close_wait);
  known.server(kFin | kAck, 33, 77);
  known.client(kAck, 77, 34);
  known.expect(time_wait, closed);
  known.expect_all_legal();
}

TEST(Conversations, ACopyOnAnotherInterfaceIsTheSameSegment) {
  Wire wire;
  wire.shake_hands();
  wire.send(Side::left, kPsh | kAck, 1, 1, 10, 100, 1);
  wire.send(Side::left, kPsh | kAck, 1, 1, 10, 100, 2);
  EXPECT_EQ(wire.rungs.size(), 4U);
  wire.send(Side::left, kPsh | kAck, 1, 1, 10, 100, 1);
  EXPECT_EQ(wire.remarks(), kRetransmission);
}

TEST(Conversations, AResetOfNothingIsNothing) {
  Wire wire;
  wire.client(kRst, 1, 0);
  EXPECT_TRUE(wire.rungs.empty());
  EXPECT_EQ(wire.conversations.size(), 0U);
}

TEST(Conversations, MemoryIsBoundedAndWhatIsOverGoesFirst) {
  Wire wire;
  wire.shake_hands();  // stays open and talks
  auto talk = [&wire, next = std::int64_t{1}]() mutable {
    const auto port = std::exchange(wire.client_port, std::uint16_t{50001});
    wire.client(kPsh | kAck, next++, 1, 1);
    wire.client_port = port;
  };
  for (std::uint16_t i = 0; i < 500; ++i) {
    wire.client_port = static_cast<std::uint16_t>(50002 + i);
    wire.client(kSyn, 0, 0);
    if (i % 2 == 0) wire.server(kRst | kAck, 0, 1);
    talk();
    EXPECT_LE(wire.conversations.size(), 64U);
  }
  wire.client_port = 50001;
  wire.client(kFin | kAck, 501, 1);
  EXPECT_EQ(wire.last.number, 1U) << "the one that talks is still known";
}

// The tracker believes nothing, so whatever comes keeps its promises.
TEST(Conversations, AnythingMayCome) {
  Wire wire;
  std::uint32_t random = 1;
  const auto next = [&random](std::uint32_t limit) {
    random = random * 1664525U + 1013904223U;
    return (random >> 8U) % limit;
  };
  for (int i = 0; i < 50'000; ++i) {
    wire.client_port = static_cast<std::uint16_t>(1 + next(100));
    if (next(50) == 0) wire.client_base = random;
    wire.send(next(2) == 0 ? Side::left : Side::right, static_cast<std::uint8_t>(next(64)), next(8),
              next(8), next(3), static_cast<std::uint16_t>(next(2)), next(3));
  }
  EXPECT_LE(wire.conversations.size(), 64U);
  for (const Rung& rung : wire.rungs) EXPECT_LE(rung.before, rung.changes().size());
}

}  // namespace
}  // namespace headrace::tcp_state
