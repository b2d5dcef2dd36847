// SPDX-License-Identifier: MIT
//
// The latency histogram against exact quantiles: whatever was recorded, and however it is spread,
// a quantile is the exact one or at most 1/1024 above it.
#include "bench/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::bench {
namespace {

using Values = std::vector<std::uint64_t>;

constexpr double kShares[] = {0.0, 1e-9, 0.001, 0.01,   0.1,     0.25,       0.5, 0.75,
                              0.9, 0.99, 0.999, 0.9999, 0.99999, 0.99999999, 1.0};

Histogram histogram_of(const Values& values) {
  Histogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  return histogram;
}

/// The smallest value that at least `share` of `sorted` do not exceed.
std::uint64_t exact_quantile(const Values& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

void expect_quantiles_of(const Histogram& histogram, Values values) {
  std::sort(values.begin(), values.end());
  ASSERT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.max(), values.back());
  for (const double share : kShares) {
    const std::uint64_t exact = exact_quantile(values, share);
    const std::uint64_t found = histogram.quantile(share);
    EXPECT_GE(found, exact) << "share " << share;
    EXPECT_LE(found, exact + exact / 1024) << "share " << share;
  }
}

void expect_quantiles_of(const Values& values) {
  expect_quantiles_of(histogram_of(values), values);
}

template <class Distribution>
Values drawn(std::size_t count, unsigned seed, Distribution distribution) {
  std::mt19937_64 random{seed};
  Values values(count);
  for (std::uint64_t& value : values) {
    const double number = static_cast<double>(distribution(random));
    value = static_cast<std::uint64_t>(
        std::clamp(number, 0.0, static_cast<double>(Histogram::kHighest)));
  }
  return values;
}

TEST(Histogram, HoldsRandomLatenciesToThreeDigits) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    expect_quantiles_of(drawn(100'000, seed, std::uniform_int_distribution<int>{0, 5'000'000}));
    expect_quantiles_of(drawn(100'000, seed, std::exponential_distribution<>{1e-5}));
    expect_quantiles_of(drawn(100'000, seed, std::lognormal_distribution<>{11.0, 3.0}));
    expect_quantiles_of(drawn(100'000, seed, std::normal_distribution<>{1e9, 1e6}));
    expect_quantiles_of(drawn(100'000, seed, std::cauchy_distribution<>{1e6, 1e5}));
  }
}

TEST(Histogram, HoldsFewValues) {
  std::mt19937_64 random{7};
  for (std::size_t count = 1; count <= 50; ++count) {
    SCOPED_TRACE(count);
    Values values(count);
    for (std::uint64_t& value : values) value = random() >> (22 + random() % 42);
    expect_quantiles_of(values);
  }
}

TEST(Histogram, AllEqualIsThatValue) {
  for (const std::uint64_t value : {0ULL, 1ULL, 2047ULL, 2049ULL, 123'456'789ULL}) {
    const Histogram histogram = histogram_of(Values(1000, value));
    for (const double share : kShares) EXPECT_EQ(histogram.quantile(share), value);
  }
}

TEST(Histogram, TwoSpikesStayApart) {
  for (const std::size_t slow : {1U, 10U, 500U, 999U}) {
    SCOPED_TRACE(slow);
    Values values(1000 - slow, 40'000);
    values.insert(values.end(), slow, 3'000'000'000);
    expect_quantiles_of(values);
  }
}

TEST(Histogram, PowersOfTwoAndTheirNeighboursStayInTheirStep) {
  Values all;
  for (int bits = 0; bits < 42; ++bits) {
    const std::uint64_t power = std::uint64_t{1} << bits;
    for (const std::uint64_t value : {power - 1, power, power + 1}) {
      all.push_back(value);
      Histogram histogram = histogram_of({value, Histogram::kHighest});
      EXPECT_GE(histogram.quantile(0.5), value);
      EXPECT_LE(histogram.quantile(0.5), value + value / 1024);
    }
  }
  expect_quantiles_of(all);
}

TEST(Histogram, SmallValuesAreExact) {
  Values values(2048);
  for (std::size_t value = 0; value < values.size(); ++value) values[value] = value;
  const Histogram histogram = histogram_of(values);
  for (const double share : kShares)
    EXPECT_EQ(histogram.quantile(share), exact_quantile(values, share));
}

TEST(Histogram, BeyondTheHighestCountsAsHighestButMaxIsExact) {
  const std::uint64_t beyond = ~std::uint64_t{0};
  const Histogram histogram = histogram_of({1, Histogram::kHighest, beyond, beyond});
  EXPECT_EQ(histogram.max(), beyond);
  EXPECT_EQ(histogram.quantile(0.25), 1U);
  EXPECT_EQ(histogram.quantile(0.5), Histogram::kHighest);
  EXPECT_EQ(histogram.quantile(0.75), Histogram::kHighest);
  EXPECT_EQ(histogram.quantile(1.0), beyond);
}

TEST(Histogram, EmptyAnswersZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

TEST(Histogram, SharesOutsideZeroToOneAreTheNearestEnd) {
  const Histogram histogram = histogram_of({5, 6, 7});
  EXPECT_EQ(histogram.quantile(-1.0), 5U);
  EXPECT_EQ(histogram.quantile(2.0), 7U);
}

TEST(Histogram, MergedIsAsIfRecordedInOne) {
  Values first = drawn(20'000, 11, std::exponential_distribution<>{1e-4});
  const Values second = drawn(30'000, 12, std::lognormal_distribution<>{15.0, 2.0});
  Histogram merged = histogram_of(first);
  merged.merge(histogram_of(second));
  merged.merge(Histogram{});
  first.insert(first.end(), second.begin(), second.end());
  expect_quantiles_of(merged, first);
}

TEST(Histogram, TellsWhatCameSinceACopy) {
  Histogram histogram = histogram_of({1, 5, 1'000'000});
  const Histogram earlier = histogram;
  for (const std::uint64_t value : {7UL, 9UL, 300'000UL}) histogram.record(value);
  const Histogram recent = histogram.since(earlier);
  EXPECT_EQ(recent.count(), 3U);
  EXPECT_EQ(recent.quantile(0.5), 9U);
  EXPECT_NEAR(static_cast<double>(recent.max()), 300'000, 300);
  EXPECT_EQ(histogram.since(histogram).count(), 0U);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

}  // namespace
}  // namespace headrace::bench
