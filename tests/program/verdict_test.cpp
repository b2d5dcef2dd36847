// SPDX-License-Identifier: MIT
//
// Who won a comparison: medians say how much, the sign test on single rounds whether it counts.
#include "bench/compare/verdict.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::bench {
namespace {

using Rates = std::vector<std::optional<double>>;

Entry entry_of(const std::string& name, const Rates& rates) {
  Entry entry;
  entry.name = name;
  for (const auto& rate : rates) {
    if (!rate) {
      entry.rounds.emplace_back();
      continue;
    }
    Figures figures;
    figures[Figure::messages_per_second] = *rate;
    entry.rounds.emplace_back(figures);
  }
  return entry;
}

Group group_of(std::vector<Entry> entries) {
  const Case what{.comparison = Comparison::models,
                  .connections = 100,
                  .active = 100,
                  .size = 64,
                  .in_flight = 1,
                  .churn = 0};
  return {what, std::move(entries)};
}

TEST(Spread, IsMedianAndEndsOfWhatIsKnown) {
  const Spread odd = spread_of(Rates{5, 1, std::nullopt, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.lowest, 1);
  EXPECT_EQ(odd.highest, 5);
  EXPECT_EQ(spread_of(Rates{4, 1, 2, 100}).median, 3);
  EXPECT_FALSE(spread_of(Rates{std::nullopt}).median);
}

TEST(SignTest, CountsTheWays) {
  EXPECT_DOUBLE_EQ(chance_of(0, 5), 1);
  EXPECT_DOUBLE_EQ(chance_of(5, 5), 1.0 / 32);
  EXPECT_DOUBLE_EQ(chance_of(4, 5), 6.0 / 32);
  EXPECT_DOUBLE_EQ(chance_of(9, 10), 11.0 / 1024);
  EXPECT_DOUBLE_EQ(chance_of(1, 1), 0.5);
}

TEST(Verdict, IsClearWhenEveryRoundSaysSo) {
  const Group group = group_of(
      {entry_of("slow", {100, 90, 120, 80, 100}), entry_of("fast", {110, 99, 126, 96, 130})});
  const Verdict verdict = verdict_of(group);
  ASSERT_NE(verdict.first, nullptr);
  EXPECT_EQ(verdict.first->name, "fast");
  EXPECT_TRUE(verdict.is_clear);
  EXPECT_NEAR(verdict.ahead, 0.1, 1e-9);  // the median of 10, 10, 5, 20 and 30 %
  EXPECT_NEAR(verdict.least, 0.05, 1e-9);
  EXPECT_NEAR(verdict.most, 0.3, 1e-9);
  EXPECT_EQ(verdict.sentence,
            "100 connections, 64 B: fast won: 10.0% more messages a second than slow (5.0% to "
            "30.0% in 5 rounds).");
}

TEST(Verdict, IsNoiseWhenOneRoundOfFiveSaysOtherwise) {
  const Group group =
      group_of({entry_of("one", {110, 110, 110, 110, 90}), entry_of("other", Rates(5, 100))});
  const Verdict verdict = verdict_of(group);
  EXPECT_FALSE(verdict.is_clear);
  EXPECT_NE(verdict.sentence.find("within the noise"), std::string::npos);
}

TEST(Verdict, ComparesRoundsOfTheSameTurnOnly) {
  // Everything became slower after the third round; in each of them one is ahead by a tenth.
  const Group group = group_of(
      {entry_of("one", {110, 110, 110, 55, 55}), entry_of("other", {100, 100, 100, 50, 50})});
  const Verdict verdict = verdict_of(group);
  EXPECT_TRUE(verdict.is_clear);
  EXPECT_NEAR(verdict.least, 0.1, 1e-9);
  EXPECT_NEAR(verdict.most, 0.1, 1e-9);
}

TEST(Verdict, TooFewRoundsTellNothing) {
  const Group group =
      group_of({entry_of("one", {200, 200, 200, 200}), entry_of("other", Rates(4, 100))});
  const Verdict verdict = verdict_of(group);
  EXPECT_FALSE(verdict.is_clear);
  EXPECT_NE(verdict.sentence.find("too few rounds"), std::string::npos);
}

TEST(Verdict, LeavesOutWhoLeftSomebodyWaitingMadeErrorsOrFailed) {
  Entry waiting = entry_of("waiting", Rates(5, 900));
  waiting.waiting = 1;
  Entry wrong = entry_of("wrong", Rates(5, 800));
  wrong.problems.add(Problem::corrupt);
  Entry failed = entry_of("failed", Rates(5, 700));
  failed.failure = "it ended";
  const Group group =
      group_of({waiting, wrong, failed, entry_of("a", Rates(5, 100)), entry_of("b", Rates(5, 90))});
  const Verdict verdict = verdict_of(group);
  ASSERT_NE(verdict.first, nullptr);
  EXPECT_EQ(verdict.first->name, "a");
  EXPECT_EQ(verdict.second->name, "b");
}

TEST(Verdict, SaysWhenThereIsNothingToCompare) {
  const Group alone = group_of({entry_of("alone", Rates(5, 1))});
  EXPECT_EQ(verdict_of(alone).sentence,
            "100 connections, 64 B: nothing to compare: only alone served everybody without an "
            "error.");
  const Group nobody = group_of({});
  EXPECT_EQ(verdict_of(nobody).first, nullptr);
  const Group apart =
      group_of({entry_of("one", {1, std::nullopt}), entry_of("other", {std::nullopt, 1})});
  EXPECT_EQ(verdict_of(apart).first, nullptr);
}

}  // namespace
}  // namespace headrace::bench
