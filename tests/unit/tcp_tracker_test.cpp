// SPDX-License-Identifier: MIT
//
// Sources that each see a part, told to the tracker in every order that happens.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tcp_state/tracker.hpp"

namespace headrace::tcp {
namespace {

using enum TcpState;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint16_t kPort = 40000;

TcpEndpoint end(std::uint16_t port) {
  return {.host = ipv4_host(std::array<std::uint8_t, 4>{127, 0, 0, 1}), .port = port};
}

TcpSocket socket_in(TcpState state, std::uint64_t cookie = 1) {
  TcpSocket socket;
  socket.state = state;
  socket.local = end(kPort);
  socket.remote = end(7788);
  socket.cookie = cookie;
  if (state == time_wait) {
    socket.timer = TcpTimer::time_wait;
    socket.timer_remaining = std::chrono::seconds{50};
    socket.cookie = 99;
  }
  return socket;
}

struct Story {
  Tracker tracker;
  std::int64_t now = 100 * kSecond;

  TcpSighting last;

  // A second later, a look with these rows; what there is to tell afterwards.
  std::vector<std::string> look(const std::vector<TcpSocket>& rows, bool whole = true) {
    now += kSecond;
    tracker.begin_look(now, whole);
    for (const TcpSocket& row : rows) {
      last = {};
      last.socket = row;
      tracker.row(last);
    }
    tracker.end_look(now + 1000);
    return told();
  }
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    tracker.deliver([&](const TcpEvent& event) {
      std::string& line = lines.emplace_back(to_text(event.from));
      line.append(">").append(to_text(event.to)).append(" ").append(to_text(event.source));
      line.append(event.passed_over ? " unseen" : "").append(event.legal ? "" : " ILLEGAL");
    });
    return lines;
  }
  void trace(TcpState from, TcpState to) { trace_at(now += 1'000'000, from, to); }
  void trace_at(std::int64_t time, TcpState from, TcpState to) {
    tracker.trace({.time_ns = time,
                   .ipv6 = false,
                   .from = from,
                   .to = to,
                   .local = end(kPort),
                   .remote = end(7788)});
  }
  // A whole life's end and the next one's beginning, a nanosecond each from `time` on.
  void trace_end_and_next(std::int64_t time) {
    trace_at(time, established, close_wait);
    trace_at(time + 1, close_wait, last_ack);
    trace_at(time + 2, last_ack, closed);
    trace_at(time + 3, syn_sent, established);
  }
  // From the other end.
  void segment(std::uint8_t bits) {
    tcp_state::Segment segment;
    segment.source = end(7788);
    segment.destination = end(kPort);
    segment.bits = bits;
    tracker.segment(segment, now += 1'000'000);
  }
  void destroyed(std::uint64_t cookie = 1) { tracker.destroyed(socket_in(closed, cookie), ++now); }
};

using Lines = std::vector<std::string>;

TEST(Tracker, WhatIsThereAtFirstIsNoNews) {
  Story story;
  EXPECT_EQ(story.look({socket_in(established)}), Lines{});
  EXPECT_FALSE(story.last.age_known);
  story.look({socket_in(established)});
  EXPECT_EQ(story.last.age, std::chrono::seconds{1});
}

TEST(Tracker, ChangesBetweenLooksAreTold) {
  Story story;
  story.look({});
  EXPECT_EQ(story.look({socket_in(syn_sent)}), Lines{"CLOSED>SYN-SENT snapshot"});
  EXPECT_EQ(story.look({socket_in(established)}), Lines{"SYN-SENT>ESTABLISHED snapshot"});
  EXPECT_TRUE(story.last.age_known);
  EXPECT_EQ(story.look({socket_in(time_wait)}), Lines{"ESTABLISHED>TIME-WAIT snapshot unseen"});
  EXPECT_EQ(story.last.age, std::chrono::seconds{10});  // of 60 there are 50 left
  EXPECT_EQ(story.look({}), Lines{"TIME-WAIT>CLOSED snapshot"});
}

TEST(Tracker, ATraceOfAKnownSocketIsToldAtOnceAndNotTwice) {
  Story story;
  story.look({socket_in(established)});
  story.trace(established, fin_wait_1);
  EXPECT_EQ(story.told(), Lines{"ESTABLISHED>FIN-WAIT-1 trace"});
  EXPECT_EQ(story.look({socket_in(fin_wait_1)}), Lines{});
}

// The kernel's socket says CLOSED where TIME-WAIT takes over.
TEST(Tracker, WhatATraceCallsClosedMayBeTimeWait) {
  Story story;
  story.look({socket_in(fin_wait_2)});
  story.trace(fin_wait_2, closed);
  story.destroyed();
  EXPECT_EQ(story.told(), Lines{});
  EXPECT_EQ(story.look({socket_in(time_wait)}), Lines{"FIN-WAIT-2>TIME-WAIT trace"});
}

TEST(Tracker, AWayOutThatLedNowhereIsTheEnd) {
  Story story;
  story.look({socket_in(last_ack)});
  story.trace(last_ack, closed);
  EXPECT_EQ(story.look({}), Lines{"LAST-ACK>CLOSED trace"});
  EXPECT_EQ(story.look({}), Lines{});
}

TEST(Tracker, AMessageAboutItsEndTellsWhichSourceKnew) {
  Story story;
  story.look({socket_in(established)});
  story.destroyed();
  EXPECT_EQ(story.look({}), Lines{"ESTABLISHED>CLOSED destroyed"});
}

TEST(Tracker, EventsWaitUntilTheSocketIsKnownToBeOurs) {
  Story story;
  story.look({});
  story.trace(syn_sent, established);
  EXPECT_EQ(story.told(), Lines{});
  EXPECT_EQ(story.look({socket_in(established)}),
            (Lines{"CLOSED>SYN-SENT trace", "SYN-SENT>ESTABLISHED trace"}));
  EXPECT_EQ(story.tracker.foreign(), 0U);
}

TEST(Tracker, AConnectionShorterThanALookIsToldWhole) {
  Story story;
  story.look({});
  story.trace(syn_sent, established);
  story.trace(established, fin_wait_1);
  story.trace(fin_wait_1, fin_wait_2);
  story.trace(fin_wait_2, closed);
  story.destroyed();
  Lines all = story.told();
  for (const std::string& line : story.look({socket_in(time_wait)})) all.push_back(line);
  EXPECT_EQ(all, (Lines{"CLOSED>SYN-SENT trace", "SYN-SENT>ESTABLISHED trace",
                        "ESTABLISHED>FIN-WAIT-1 trace", "FIN-WAIT-1>FIN-WAIT-2 trace",
                        "FIN-WAIT-2>TIME-WAIT trace"}));
}

TEST(Tracker, EventsOfOtherNamespacesAreCountedAndDropped) {
  Story story;
  story.look({});
  story.trace(syn_sent, established);
  story.look({});
  story.look({});
  EXPECT_EQ(story.look({}), Lines{});
  EXPECT_EQ(story.tracker.foreign(), 1U);
}

TEST(Tracker, ATraceReadAfterARowThatHadSeenFurtherIsOldNews) {
  Story story;
  story.look({socket_in(close_wait)});
  story.trace_at(story.now + 10, established, close_wait);
  EXPECT_EQ(story.told(), Lines{});
}

// The row was written, then the step taken, then the event read: all within one look.
TEST(Tracker, AStepTakenWhileItsRowWasReadIsToldOnce) {
  Story story;
  story.look({socket_in(established)});
  story.trace_at(story.now + 10, established, close_wait);
  EXPECT_EQ(story.told(), Lines{"ESTABLISHED>CLOSE-WAIT trace"});
  EXPECT_EQ(story.look({socket_in(close_wait)}), Lines{});
}

// Its states come again in every life of a port, so only its time tells that the event is old.
TEST(Tracker, AnEventFromBeforeTheLookIsOlderThanTheRow) {
  Story story;
  story.look({socket_in(established, 2)});
  story.trace_end_and_next(story.now - 10);
  EXPECT_EQ(story.told(), Lines{});
  EXPECT_EQ(story.look({socket_in(established, 2)}), Lines{});
}

TEST(Tracker, TheEndOfWhatALookNoLongerFoundIsNotTheNextOnes) {
  Story story;
  story.look({socket_in(established, 1)});
  EXPECT_EQ(story.look({}), Lines{"ESTABLISHED>CLOSED snapshot"});
  story.trace_at(story.now - 10, established, closed);
  story.trace(syn_sent, established);
  EXPECT_EQ(story.look({socket_in(established, 2)}),
            (Lines{"CLOSED>SYN-SENT trace", "SYN-SENT>ESTABLISHED trace"}));
}

bool has_illegal(const Lines& lines) {
  return std::ranges::any_of(lines,
                             [](const std::string& line) { return line.ends_with("ILLEGAL"); });
}

// Whose the events are cannot be told; but the row that follows puts it right, and nothing that a
// TCP cannot do is said of it.
TEST(Tracker, AnEarlierLifeWithinTheLookIsNoIllegalStep) {
  Story story;
  story.look({socket_in(established, 2)});
  story.trace_end_and_next(story.now + 10);
  EXPECT_FALSE(has_illegal(story.told()));
  EXPECT_EQ(story.look({socket_in(established, 2)}), Lines{});
  story.trace(established, fin_wait_1);
  EXPECT_EQ(story.told(), Lines{"ESTABLISHED>FIN-WAIT-1 trace"});
}

TEST(Tracker, TheSameEndsInAnotherNamespaceAreNoIllegalStep) {
  Story story;
  story.look({socket_in(established)});
  story.trace(established, close_wait);
  story.trace(close_wait, last_ack);
  EXPECT_FALSE(has_illegal(story.told()));
  EXPECT_EQ(story.look({socket_in(established)}), Lines{});
}

TEST(Tracker, WhatWasLostBetweenTwoLivesIsNoIllegalStep) {
  Story story;
  story.look({socket_in(close_wait)});
  story.trace(established, fin_wait_1);
  EXPECT_EQ(story.told(), (Lines{"CLOSE-WAIT>CLOSED trace", "CLOSED>ESTABLISHED trace unseen",
                                 "ESTABLISHED>FIN-WAIT-1 trace"}));
}

// connect(2) to AF_UNSPEC, and then elsewhere or to the same end: one socket, another connection.
TEST(Tracker, ASocketThatConnectsAgainIsNoIllegalStep) {
  Story story;
  story.look({socket_in(established)});
  EXPECT_EQ(story.look({socket_in(syn_sent)}),
            (Lines{"ESTABLISHED>CLOSED trace", "CLOSED>SYN-SENT snapshot"}));
  story.look({socket_in(established)});
  story.trace(closed, syn_sent);
  EXPECT_EQ(story.told(), (Lines{"ESTABLISHED>CLOSED trace", "CLOSED>SYN-SENT trace"}));
}

TEST(Tracker, TwoRowsOfOneSocketWithNoWayBetweenThemAreFlagged) {
  Story story;
  story.look({socket_in(close_wait)});
  EXPECT_EQ(story.look({socket_in(fin_wait_2)}),
            Lines{"CLOSE-WAIT>FIN-WAIT-2 snapshot unseen ILLEGAL"});
}

TEST(Tracker, APortUsedAgainIsAnotherConnection) {
  Story story;
  story.look({socket_in(established, 1)});
  EXPECT_EQ(story.look({socket_in(established, 2)}),
            (Lines{"ESTABLISHED>CLOSED trace", "CLOSED>ESTABLISHED snapshot unseen"}));
  story.trace(syn_sent, established);  // yet another, on the same two ends
  EXPECT_EQ(story.told(), (Lines{"ESTABLISHED>CLOSED trace", "SYN-SENT>ESTABLISHED trace"}));
}

TEST(Tracker, AnIllegalStepIsFlagged) {
  Story story;
  story.look({socket_in(close_wait)});
  story.trace(close_wait, fin_wait_2);
  EXPECT_EQ(story.told(), Lines{"CLOSE-WAIT>FIN-WAIT-2 trace unseen ILLEGAL"});
}

TEST(Tracker, WhatLeavesTheStatesThatAreLookedAtHasNotEnded) {
  Story story;
  story.look({socket_in(established)}, false);
  EXPECT_EQ(story.look({}, false), Lines{});
}

TEST(Tracker, ALookThatFailedConcludesNothing) {
  Story story;
  story.look({socket_in(established)});
  story.tracker.begin_look(story.now + kSecond, true);
  story.tracker.abandon_look();
  EXPECT_EQ(story.told(), Lines{});
  EXPECT_EQ(story.look({socket_in(established)}), Lines{});
}

TEST(Tracker, ASegmentThatPassedAndDidNotArriveIsNoStep) {
  constexpr std::uint8_t kFin = tcp_state::kFin | tcp_state::kAck;
  Story story;
  story.look({});
  story.look({socket_in(established)});
  story.segment(kFin);
  EXPECT_EQ(story.told(), Lines{"ESTABLISHED>CLOSE-WAIT packet"});
  EXPECT_EQ(story.look({socket_in(established)}), Lines{}) << "it was lost on its last way";
  EXPECT_GT(story.last.age, std::chrono::seconds{1}) << "it never left its state";
  story.segment(kFin);
  EXPECT_EQ(story.told(), Lines{}) << "sent again: its arrival is for a look to tell";
  EXPECT_EQ(story.look({socket_in(close_wait)}), Lines{"ESTABLISHED>CLOSE-WAIT snapshot"});
}

TEST(Tracker, WhoHeldItIsRemembered) {
  Story story;
  TcpSocket held = socket_in(established);
  held.inode = 5;
  held.owner.pid = 812;
  story.look({held});
  story.look({socket_in(time_wait)});
  EXPECT_EQ(story.last.socket.owner.pid, 812);
  EXPECT_EQ(story.tracker.last_owner(socket_in(time_wait)).pid, 812);
}

}  // namespace
}  // namespace headrace::tcp
