// SPDX-License-Identifier: MIT
//
// What is seen of a load while it runs: an answer only when asked, and rates by the times at which
// the load answered, not by those at which somebody looked.
#include "bench/tap.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace headrace::bench {
namespace {

using namespace std::chrono_literals;
using Time = Tap::Clock::time_point;

Tap::Look look_at(Time began, Time at, std::uint64_t messages) {
  Tap::Look look;
  look.began = began;
  look.at = at;
  look.messages = messages;
  return look;
}

constexpr Time kStart{100s};

TEST(Tap, AnswersOnceWhenItIsAsked) {
  Tap tap;
  Histogram latency;
  latency.record(7);
  tap.offer(5, 1, latency);
  EXPECT_EQ(tap.look().messages, 0U) << "nobody had asked";
  tap.ask();
  tap.offer(6, 2, latency);
  tap.offer(7, 3, latency);
  const Tap::Look look = tap.look();
  EXPECT_EQ(look.messages, 6U);
  EXPECT_EQ(look.errors, 2U);
  EXPECT_EQ(look.latency.count(), 1U);
  EXPECT_GT(look.at, Time{});
}

TEST(Tap, ForgetsTheWarmUp) {
  Tap tap;
  tap.ask();
  tap.offer(5, 1, Histogram{});
  tap.begin();
  const Tap::Look look = tap.look();
  EXPECT_EQ(look.messages, 0U);
  EXPECT_EQ(look.began, look.at);
  EXPECT_GT(look.began, Time{});
}

TEST(Tap, ARateIsThatOfTheTimeBetweenTwoAnswers) {
  EXPECT_DOUBLE_EQ(
      rate_between(look_at(kStart, kStart + 2s, 100), look_at(kStart, kStart + 4s, 700)), 300);
}

TEST(Tap, ARateOfAWindowThatBeganSinceCountsFromItsBeginning) {
  const Tap::Look in_warm_up = look_at(kStart, kStart + 9s, 5000);
  EXPECT_DOUBLE_EQ(rate_between(in_warm_up, look_at(kStart + 10s, kStart + 11s, 400)), 400);
  EXPECT_DOUBLE_EQ(rate_between(Tap::Look{}, look_at(kStart, kStart + 10s, 5000)), 500);
}

TEST(Tap, WithoutANewAnswerThereIsNoRate) {
  const Tap::Look same = look_at(kStart, kStart + 1s, 50);
  EXPECT_DOUBLE_EQ(rate_between(same, same), 0);
  EXPECT_DOUBLE_EQ(rate_between(Tap::Look{}, Tap::Look{}), 0);
}

}  // namespace
}  // namespace headrace::bench
