// SPDX-License-Identifier: MIT
//
// What the live view is made of: text on a number of columns, bars, sparklines.
#include "bench/screen.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace headrace::bench {
namespace {

TEST(Padded, FillsAndCutsByColumns) {
  EXPECT_EQ(padded("poll", 6), "poll  ");
  EXPECT_EQ(padded("epoll-edge", 6), "epoll…");
  EXPECT_EQ(padded("别人", 6), "别人  ");
  EXPECT_EQ(padded("别人的", 5), "别人…");
  EXPECT_EQ(padded("别人的", 4), "别… ");  // half of a wide letter is none
  EXPECT_EQ(padded("", 2), "  ");
  EXPECT_EQ(padded("\x1b[31m", 10), "\\x1b[31m  ");
}

TEST(Width, CountsColumns) {
  EXPECT_EQ(width_of("poll"), 4U);
  EXPECT_EQ(width_of("别人"), 4U);
  EXPECT_EQ(width_of("e\xcc\x81"), 1U);  // a combining accent
  EXPECT_EQ(width_of("▁█"), 2U);
}

TEST(Bar, IsAsLongAsItsShare) {
  EXPECT_EQ(width_of(bar(0.5, 10)), 10U);
  EXPECT_EQ(bar(0, 3), "   ");
  EXPECT_EQ(bar(-1, 3), "   ");
  EXPECT_EQ(bar(1, 4), bar(7, 4));
}

TEST(Sparkline, ShowsTheLastValuesTheHighestFull) {
  EXPECT_EQ(sparkline(std::vector<double>{}, 5), "");
  EXPECT_EQ(width_of(sparkline(std::vector<double>{1, 2, 3, 4}, 2)), 2U);
  EXPECT_EQ(sparkline(std::vector<double>{0, 0}, 5), sparkline(std::vector<double>{0, 0}, 2));
  const std::vector<double> rising{1, 8};
  EXPECT_NE(sparkline(rising, 2).substr(0, 3), sparkline(rising, 2).substr(3));
}

}  // namespace
}  // namespace headrace::bench
