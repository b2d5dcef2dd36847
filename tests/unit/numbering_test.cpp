// SPDX-License-Identifier: MIT
//
// Numbered datagrams: their text, and what is found out from their numbers, in bounded memory.
#include "datagrams/numbering.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

constexpr std::string_view kSender = "udp://127.0.0.1:7789";

Number number(std::uint64_t index, std::uint64_t of, std::uint32_t run = 0x4f2a91c7) {
  return {.run = run, .index = index, .of = of};
}

TEST(NumberText, IsWhatTheManualSays) {
  EXPECT_EQ(to_text(number(4, 10)), "#4f2a91c7 4/10");
  EXPECT_EQ(numbered(number(4, 10), "hello"), "#4f2a91c7 4/10 hello");
  EXPECT_EQ(numbered(number(4, 10, 7), ""), "#00000007 4/10");
}

TEST(NumberText, IsReadBackWithItsSize) {
  const auto whole = number_of("#4f2a91c7 4/10 hello");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->number, number(4, 10));
  EXPECT_EQ(whole->size, 15U);
  EXPECT_EQ(number_of("#4f2a91c7 4/10")->size, 14U);
  EXPECT_EQ(number_of("#00000000 1/1 ")->size, 14U);
  EXPECT_EQ(number_of(numbered(number(1, Number::kHighest), "x"))->number.of, Number::kHighest);
}

TEST(NumberText, IsNothingElse) {
  for (const char* text : {"",
                           "#",
                           "hello",
                           "#4f2a91c7",
                           "#4f2a91c7 ",
                           "#4f2a91c7 4",
                           "#4f2a91c7 4/",
                           "#4f2a91c7 /10",
                           "#4f2a91c7 0/10",
                           "#4f2a91c7 11/10",
                           "#4f2a91c7 04/10",
                           "#4f2a91c7 4/010",
                           "#4f2a91c7 4/10hello",
                           "#4F2A91C7 4/10",
                           "#4f2a91c 4/10",
                           "#4f2a91c70 4/10",
                           "4f2a91c7 4/10",
                           " #4f2a91c7 4/10",
                           "#4f2a91c7 -4/10",
                           "#4f2a91c7 4/10\n",
                           "#4f2a91c7 1/1000000000001",
                           "#4f2a91c7 1/99999999999999999999999"})
    EXPECT_FALSE(number_of(text)) << text;
}

TEST(Runs, InOrderLoseNothing) {
  Runs runs;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    const Turn turn = runs.note(kSender, number(i, 10));
    EXPECT_EQ(turn.order, Turn::Order::next);
    EXPECT_EQ(turn.missing, 0U);
  }
  const RunTotals totals = runs.totals();
  EXPECT_EQ(totals.runs, 1U);
  EXPECT_EQ(totals.came, 10U);
  EXPECT_EQ(totals.lost + totals.repeated + totals.late + totals.unseen, 0U);
}

TEST(Runs, TellAGapAndWhatComesLate) {
  Runs runs;
  (void)runs.note(kSender, number(1, 10));
  EXPECT_EQ(runs.note(kSender, number(5, 10)).missing, 3U);
  EXPECT_EQ(runs.totals().lost, 3U);
  EXPECT_EQ(runs.totals().unseen, 5U);
  EXPECT_EQ(runs.note(kSender, number(3, 10)).order, Turn::Order::late);
  EXPECT_EQ(runs.totals().lost, 2U);
  EXPECT_EQ(runs.totals().late, 1U);
  EXPECT_EQ(runs.note(kSender, number(3, 10)).order, Turn::Order::again);
  EXPECT_EQ(runs.note(kSender, number(5, 10)).order, Turn::Order::again);
  EXPECT_EQ(runs.totals().repeated, 2U);
  EXPECT_EQ(runs.totals().came, 3U);
}

TEST(Runs, KeepSendersAndRunsApart) {
  Runs runs;
  (void)runs.note(kSender, number(1, 2));
  EXPECT_EQ(runs.note("udp://127.0.0.1:1", number(1, 2)).order, Turn::Order::next);
  EXPECT_EQ(runs.note(kSender, number(1, 2, 8)).order, Turn::Order::next);
  EXPECT_EQ(runs.note(kSender, number(1, 3)).order, Turn::Order::next);
  EXPECT_EQ(runs.totals().runs, 4U);
  EXPECT_EQ(runs.totals().repeated, 0U);
}

// Against sets of numbers, which remember everything.
TEST(Runs, AgreeWithAModelForShuffledLossyRepeatedRuns) {
  std::mt19937 random{7};
  for (const std::uint64_t of : {1U, 2U, 63U, 64U, 65U, 1000U, 70'000U}) {
    std::vector<std::uint64_t> indexes;
    for (std::uint64_t i = 1; i <= of; ++i)
      for (auto copies = random() % 3; copies > 0; --copies) indexes.push_back(i);
    const std::size_t reach = 200;  // how far one may be displaced: less than the window
    for (std::size_t i = 0; i + 1 < indexes.size(); ++i)
      std::swap(indexes[i], indexes[std::min(i + random() % reach, indexes.size() - 1)]);
    Runs runs;
    std::set<std::uint64_t> came;
    std::uint64_t late = 0;
    std::uint64_t again = 0;
    for (const std::uint64_t index : indexes) {
      const bool is_late = !came.empty() && index < *came.rbegin();
      const bool is_new = came.insert(index).second;
      again += is_new ? 0 : 1;
      late += is_new && is_late ? 1 : 0;
      const Turn::Order order = runs.note(kSender, number(index, of)).order;
      EXPECT_EQ(order, !is_new   ? Turn::Order::again
                       : is_late ? Turn::Order::late
                                 : Turn::Order::next);
    }
    const std::uint64_t highest = came.empty() ? 0 : *came.rbegin();
    const RunTotals totals = runs.totals();
    EXPECT_EQ(totals.came, came.size());
    EXPECT_EQ(totals.late, late);
    EXPECT_EQ(totals.repeated, again);
    EXPECT_EQ(totals.lost, highest - came.size());
    EXPECT_EQ(totals.unseen, came.empty() ? 0 : of - highest);
  }
}

TEST(Runs, DoNotWorkForAGapOfAnyLength) {
  Runs runs;
  for (int round = 0; round < 1000; ++round) {  // a loop over the gap would take days
    (void)runs.note(kSender, number(1, Number::kHighest, static_cast<std::uint32_t>(round)));
    const Number last = number(Number::kHighest, Number::kHighest, static_cast<unsigned>(round));
    EXPECT_EQ(runs.note(kSender, last).missing, Number::kHighest - 2);
  }
  EXPECT_EQ(runs.totals().lost, 1000 * (Number::kHighest - 2));
}

TEST(Runs, BeyondTheWindowCountAsLate) {
  Runs runs;
  (void)runs.note(kSender, number(1, Number::kHighest));
  (void)runs.note(kSender, number(10 * Runs::kWindow, Number::kHighest));
  EXPECT_EQ(runs.note(kSender, number(2, Number::kHighest)).order, Turn::Order::late);
  EXPECT_EQ(runs.note(kSender, number(2, Number::kHighest)).order, Turn::Order::late);
  EXPECT_EQ(runs.totals().late, 2U);
}

TEST(Runs, OfManySendersAreForgottenButNotTheirCounts) {
  Runs runs;
  const std::uint64_t senders = 10 * Runs::kMostRuns;
  for (std::uint32_t sender = 0; sender < senders; ++sender) {
    (void)runs.note("sender " + std::to_string(sender), number(1, 5));
    (void)runs.note("sender " + std::to_string(sender), number(4, 5));
  }
  const RunTotals totals = runs.totals();
  EXPECT_EQ(totals.runs, senders);
  EXPECT_EQ(totals.came, 2 * senders);
  EXPECT_EQ(totals.lost, 2 * senders);
  EXPECT_EQ(totals.unseen, senders);
}

TEST(Runs, ThatAreHeardAgainStay) {
  Runs runs;
  for (std::uint32_t other = 1; other < 3 * Runs::kMostRuns; ++other) {
    (void)runs.note(kSender, number(other, 1000, 0));
    (void)runs.note(kSender, number(1, 1, other));
  }
  EXPECT_EQ(runs.totals().runs, 3 * Runs::kMostRuns);
  EXPECT_EQ(runs.note(kSender, number(1, 1000, 0)).order, Turn::Order::again);
}

}  // namespace
}  // namespace headrace::tool
