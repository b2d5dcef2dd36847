// SPDX-License-Identifier: MIT
#include "headrace/deadline.hpp"

#include <chrono>
#include <limits>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::chrono_literals;
using TimePoint = Deadline::TimePoint;

constexpr TimePoint kNow{1000s};

TEST(DeadlineTest, AfterCountsFromTheStart) {
  EXPECT_EQ(Deadline::after(5ms).resolve(kNow), kNow + 5ms);
  EXPECT_EQ(Deadline::after(0ns).resolve(kNow), kNow);
  EXPECT_FALSE(Deadline::after(5ms).is_absolute());
}

TEST(DeadlineTest, AtIsTheSameWhateverTheStart) {
  EXPECT_EQ(Deadline::at(kNow + 5ms).resolve(kNow), kNow + 5ms);
  EXPECT_EQ(Deadline::at(kNow + 5ms).resolve(kNow + 1h), kNow + 5ms);
  EXPECT_EQ(Deadline::at(TimePoint{}).resolve(kNow), TimePoint{});
  EXPECT_TRUE(Deadline::at(TimePoint{}).is_absolute());
}

TEST(DeadlineTest, NeverIsNever) {
  EXPECT_TRUE(Deadline::never().is_never());
  EXPECT_FALSE(Deadline::never().is_absolute());
  EXPECT_EQ(Deadline::never().resolve(kNow), TimePoint::max());
  EXPECT_EQ(Deadline::never().resolve(TimePoint{}), TimePoint::max());
}

TEST(DeadlineTest, ANegativeDurationHasPassed) {
  EXPECT_EQ(Deadline::after(-5s), Deadline::after(0ns));
  EXPECT_EQ(Deadline::after(Deadline::Duration::min()), Deadline::after(0ns));
}

TEST(DeadlineTest, ALongDurationDoesNotOverflow) {
  const auto longest = Deadline::Duration{std::numeric_limits<std::int64_t>::max() - 1};
  EXPECT_EQ(Deadline::after(longest).resolve(kNow), TimePoint::max());
  EXPECT_EQ(Deadline::after(100 * 365 * 24h).resolve(kNow), kNow + 100 * 365 * 24h);
}

TEST(DeadlineTest, TheLastTimePointIsStillATime) {
  EXPECT_EQ(Deadline::at(TimePoint::max()).resolve(kNow), TimePoint::max());
  EXPECT_TRUE(Deadline::at(TimePoint::max()).is_absolute());
}

TEST(DeadlineTest, ATimeBeforeTheClockBeganHasPassed) {
  EXPECT_LE(Deadline::at(TimePoint{-1s}).resolve(kNow), kNow);
  EXPECT_LE(Deadline::at(TimePoint::min()).resolve(kNow), kNow);
  EXPECT_FALSE(Deadline::at(TimePoint::min()).is_never());
}

TEST(DeadlineTest, IsComparedAsWritten) {
  EXPECT_EQ(Deadline::after(1s), Deadline::after(1000ms));
  EXPECT_NE(Deadline::after(1s), Deadline::at(TimePoint{1s}));
  EXPECT_EQ(Deadline::never(), Deadline::never());
}

static_assert(sizeof(Deadline) == 8);
static_assert(Deadline::after(1s).resolve(TimePoint{}) == TimePoint{1s});

}  // namespace
}  // namespace headrace
