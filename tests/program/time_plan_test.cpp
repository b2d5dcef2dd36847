// SPDX-License-Identifier: MIT
//
// How a comparison keeps to its limit: played through with servers that take what they take.
#include "bench/compare/time_plan.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::bench {
namespace {

using namespace std::chrono_literals;
using Time = TimePlan::Time;

struct Played {
  Time took{};
  std::vector<unsigned> rounds;  // of each case
  Time shortest = 1h, longest{};
};

// Cases of `turns` servers each; a turn of the nth case takes `beside[nth]` more than its round.
Played play(const TimePlan::Asked& asked, const std::vector<std::size_t>& turns,
            const std::vector<Time>& beside) {
  TimePlan plan{asked, turns};
  Played played;
  for (std::size_t nth = 0; nth < turns.size(); ++nth) {
    unsigned done = 0;
    while (const auto round = plan.next_round(nth, done, played.took)) {
      played.shortest = std::min(played.shortest, *round);
      played.longest = std::max(played.longest, *round);
      for (std::size_t turn = 0; turn < turns[nth]; ++turn) {
        plan.learn(*round + beside[nth], *round);
        played.took += *round + beside[nth];
      }
      ++done;
    }
    played.rounds.push_back(done);
  }
  return played;
}

const std::vector<std::size_t> kDemo{11, 11, 11, 11};  // 10, 100, 1000 connections, and churn

TEST(TimePlan, WithoutALimitIsAsAsked) {
  const Played played = play({.rounds = 3, .round = 40ms, .within = {}}, {2, 5}, {1s, 1s});
  EXPECT_EQ(played.rounds, (std::vector<unsigned>{3, 3}));
  EXPECT_EQ(played.shortest, 40ms);
  EXPECT_EQ(played.longest, 40ms);
  EXPECT_EQ((TimePlan{{.rounds = 3, .round = 40ms, .within = {}}, {2, 5}}.estimate()), 190ms * 21);
}

TEST(TimePlan, FillsItsLimitAndKeepsToIt) {
  const Played played =
      play({.rounds = 5, .round = {}, .within = 100s}, kDemo, {60ms, 90ms, 400ms, 80ms});
  EXPECT_EQ(played.rounds, (std::vector<unsigned>{5, 5, 5, 5}));
  EXPECT_GT(played.took, 95s);
  EXPECT_LT(played.took, 105s);
  EXPECT_GT(played.shortest, 100ms);
}

TEST(TimePlan, OnASlowMachineThereAreFewerRoundsNotMoreTime) {
  const Played played =
      play({.rounds = 5, .round = {}, .within = 100s}, kDemo, {600ms, 600ms, 1200ms, 600ms});
  EXPECT_LT(played.took, 115s);
  for (const unsigned rounds : played.rounds) {
    EXPECT_GE(rounds, 1U);
    EXPECT_LT(rounds, 5U);
  }
}

TEST(TimePlan, EveryCaseIsMeasuredOnceAtLeast) {
  const Played played = play({.rounds = 5, .round = {}, .within = 1s}, kDemo, {1s, 1s, 1s, 1s});
  EXPECT_EQ(played.rounds, (std::vector<unsigned>{1, 1, 1, 1}));
  EXPECT_EQ(played.longest, TimePlan::kShortest);
}

TEST(TimePlan, ATurnThatWouldExceedTheLimitIsLeftOutButOfTheFirstRound) {
  const TimePlan plan{{.rounds = 5, .round = {}, .within = 10s}, {11}};
  EXPECT_FALSE(plan.is_used_up(1, 9s));
  EXPECT_TRUE(plan.is_used_up(1, 10s));
  EXPECT_FALSE(plan.is_used_up(0, 60s));
  EXPECT_FALSE((TimePlan{{.rounds = 5, .round = 1s, .within = {}}, {11}}.is_used_up(1, 600s)));
}

TEST(TimePlan, NoRoundIsLongerThanAsked) {
  const Played played = play({.rounds = 2, .round = 200ms, .within = 100s}, {3, 3}, {10ms, 10ms});
  EXPECT_EQ(played.longest, 200ms);
  EXPECT_EQ(played.shortest, 200ms);
  EXPECT_EQ((TimePlan{{.rounds = 2, .round = 200ms, .within = 100s}, {3, 3}}.estimate()),
            350ms * 12);
}

TEST(TimePlan, CasesWithoutServersTakeNoTime) {
  const Played played = play({.rounds = 2, .round = {}, .within = 1s}, {0, 0}, {0s, 0s});
  EXPECT_EQ(played.took, 0s);
}

}  // namespace
}  // namespace headrace::bench
