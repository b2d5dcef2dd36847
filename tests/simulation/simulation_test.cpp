// SPDX-License-Identifier: MIT
//
// Thousands of connection lifetimes under each engine that the simulated kernel can drive, from
// seeds: each lifetime is one client's, from its connection to the end of both sides. A failure
// names its seed, which says all: `simulation_tests --model NAME --seed N` shows it again, and so
// does HEADRACE_SEED=N with the test that failed. With HEADRACE_NIGHTLY=1 a million in all.
#include <array>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "run.hpp"
#include "seeds.hpp"

namespace headrace::simulation {
namespace {

constexpr std::array kEngines{Model::select, Model::poll, Model::epoll_level, Model::epoll_edge,
                              Model::io_uring};

/// For each engine.
unsigned lifetimes_wanted() {
  const char* const nightly = std::getenv("HEADRACE_NIGHTLY");
  const bool is_nightly = nightly != nullptr && *nightly != '\0' && *nightly != '0';
  return is_nightly ? 1'000'000 / static_cast<unsigned>(kEngines.size()) : 10'000;
}

std::uint64_t seed_asked_for() {
  const char* const asked = std::getenv("HEADRACE_SEED");
  return asked == nullptr ? 0 : std::strtoull(asked, nullptr, 10);
}

class Simulation : public testing::TestWithParam<Model> {};

TEST_P(Simulation, EveryLifetimeEndsAsItMay) {
  if (const std::uint64_t seed = seed_asked_for(); seed != 0) {
    const Outcome outcome = run(GetParam(), seed, Telling::every_line);
    ASSERT_EQ(outcome.wrong, "") << report(GetParam(), outcome);
    return;
  }
  (void)run(GetParam(), 1);  // what is allocated once and kept
  unsigned lifetimes = 0;
  for (std::uint64_t seed = 1; lifetimes < lifetimes_wanted(); ++seed) {
    const Outcome outcome = run(GetParam(), seed);
    ASSERT_EQ(outcome.wrong, "") << report(GetParam(), outcome);
    lifetimes += outcome.lifetimes;
  }
}

TEST_P(Simulation, ASeedIsARun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Outcome once = run(GetParam(), seed);
    const Outcome again = run(GetParam(), seed);
    EXPECT_EQ(once.sum, again.sum) << "seed " << seed;
    EXPECT_EQ(once.calls, again.calls) << "seed " << seed;
  }
}

TEST_P(Simulation, WhatWasWrongOnceIsRight) {
  (void)run(GetParam(), 1);
  for (const PastBug& bug : kPastBugs) {
    const Outcome outcome = run(GetParam(), bug.seed);
    EXPECT_EQ(outcome.wrong, "") << bug.what << "\n" << report(GetParam(), outcome);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Simulation, testing::ValuesIn(kEngines), [](const auto& test) {
  std::string name{headrace::info(test.param).name};
  for (char& letter : name)
    if (letter == '-') letter = '_';
  return name;
});

}  // namespace
}  // namespace headrace::simulation
