// SPDX-License-Identifier: MIT
//
// The calls of a scenario are counted; then each of them fails once with each error that it may
// have. And reads and writes come short, and calls are interrupted, by chance.
//
// In a usual run a sample; with HEADRACE_NIGHTLY=1 all of it. A failure names the plan: it can be
// run alone with HEADRACE_FAULT="MODEL CALL NTH ERRNO" or HEADRACE_FAULT="MODEL seed SEED".
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headrace/model.hpp"
#include "scenario.hpp"

namespace headrace::faults {
namespace {

bool is_nightly() {
  const char* const set = std::getenv("HEADRACE_NIGHTLY");
  return set != nullptr && std::string_view{set} == "1";
}

std::string describe(const ModelInfo& model, const Plan& plan) {
  std::ostringstream text;
  text << model.name << ' ';
  if (plan.seed != 0)
    text << "seed " << plan.seed;
  else
    text << name_of(plan.call) << ' ' << plan.nth << ' ' << ::strerrorname_np(plan.error);
  return text.str();
}

class Faults : public testing::TestWithParam<Model> {
 protected:
  const ModelInfo& model = headrace::info(GetParam());

  /// Every plan with one fault for a scenario that makes `counts` calls; of many alike the first
  /// and the last few.
  [[nodiscard]] static std::vector<Plan> plans_for(
      const std::array<std::uint32_t, kCalls>& counts) {
    constexpr std::uint32_t kFirst = 6;
    constexpr std::uint32_t kLast = 2;
    std::vector<Plan> plans;
    for (std::size_t index = 0; index < kCalls; ++index) {
      const auto call = static_cast<Call>(index);
      for (std::uint32_t nth = 1; nth <= counts[index]; ++nth) {
        if (!is_nightly() && nth > kFirst && nth + kLast <= counts[index]) continue;
        for (const int error : plausible_errors(call)) plans.push_back({call, nth, error, 0});
      }
    }
    return plans;
  }

  /// At most so many of them, spread evenly. At night that is all, except under polling, which
  /// calls as often as it turns: there are tens of thousands of plans, most of them alike.
  static void thin_out(std::vector<Plan>& plans) {
    const std::size_t most = is_nightly() ? 5000 : 140;
    if (plans.size() <= most) return;
    std::vector<Plan> some;
    for (std::size_t index = 0; index < most; ++index)
      some.push_back(plans[index * plans.size() / most]);
    plans = some;
  }
};

TEST_P(Faults, NoneMeansThatAllAreServed) {
  for (int round = 0; round < 5; ++round) {
    const Outcome outcome = run(GetParam(), {});
    EXPECT_EQ(outcome.wrong, "");
    const Call receiving = model.engine == EngineKind::io_uring ? Call::io_uring_enter : Call::recv;
    EXPECT_GT(outcome.counts[static_cast<std::size_t>(receiving)], 0U)
        << "the scenario goes through the calls";
  }
}

TEST_P(Faults, EachCallMayFail) {
  const Outcome usual = run(GetParam(), {});
  ASSERT_EQ(usual.wrong, "");
  std::vector<Plan> plans = plans_for(usual.counts);
  thin_out(plans);
  std::size_t struck = 0;
  for (const Plan& plan : plans) {
    const Outcome outcome = run(GetParam(), plan);
    EXPECT_EQ(outcome.wrong, "") << describe(model, plan);
    struck += outcome.struck;
  }
  // How often polling calls in vain is up to the scheduler; its later plans may find no such call.
  const std::size_t sure =
      model.engine == EngineKind::polling ? plans.size() / 10 : plans.size() * 3 / 4;
  EXPECT_GT(struck, sure) << "of " << plans.size() << ": the scenario is not the same every time";
}

TEST_P(Faults, ShortAndInterruptedCallsChangeNoByte) {
  const std::uint32_t seeds = is_nightly() ? 10'000 : 100;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    const Plan plan{.seed = seed};
    const Outcome outcome = run(GetParam(), plan);
    EXPECT_EQ(outcome.wrong, "") << describe(model, plan);
    if (testing::Test::HasFailure() && seed > 20) return;
  }
}

std::vector<Model> models() {
  std::vector<Model> built;
  for (const ModelInfo& row : all_models()) {
    const bool forks = row.launcher == LauncherKind::process_per_connection ||
                       row.launcher == LauncherKind::prefork;
    // Nothing is planned yet, so the calls that can_run() makes are as they are.
    if (row.built && !forks && can_run(row.model)) built.push_back(row.model);
  }
  return built;
}

INSTANTIATE_TEST_SUITE_P(Models, Faults, testing::ValuesIn(models()), [](const auto& test) {
  std::string name{headrace::info(test.param).name};
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

/// HEADRACE_FAULT: one plan, to look at it closely (with --gtest_also_run_disabled_tests).
TEST(OneFault, DISABLED_AsAsked) {
  const char* const asked = std::getenv("HEADRACE_FAULT");
  ASSERT_NE(asked, nullptr) << "HEADRACE_FAULT is not set";
  std::istringstream words{asked};
  std::string model, call, error;
  Plan plan;
  words >> model >> call >> plan.nth >> error;
  ASSERT_NE(find_model(model), nullptr) << model;
  if (call == "seed") plan = {.seed = plan.nth};
  for (std::size_t index = 0; index < kCalls; ++index)
    if (name_of(static_cast<Call>(index)) == call) plan.call = static_cast<Call>(index);
  for (const int number : plausible_errors(plan.call))
    if (::strerrorname_np(number) == error) plan.error = number;
  EXPECT_EQ(run(find_model(model)->model, plan).wrong, "");
}

}  // namespace
}  // namespace headrace::faults
