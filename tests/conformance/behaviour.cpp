// SPDX-License-Identifier: MIT
#include "behaviour.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

namespace headrace::conformance {

namespace {

// Seconds; a last resort: everything that waits has a deadline of its own.
constexpr unsigned kLongestTest = 170, kLongestNightly = 3000;

class BehaviourTest : public ::testing::Test {
 public:
  BehaviourTest(Behaviour::Body body, const ModelInfo& model) : body_{body}, model_{model} {}

 protected:
  void SetUp() override { (void)::alarm(amount(kLongestTest, kLongestNightly)); }
  void TearDown() override { (void)::alarm(0); }

 private:
  void TestBody() override { body_(model_); }

  Behaviour::Body body_;
  const ModelInfo& model_;
};

/// Containers often forbid io_uring; everything else is in every Linux.
bool runs_here(const ModelInfo& model) {
  static const bool has_io_uring = can_run(Model::io_uring).has_value();
  return model.engine != EngineKind::io_uring || has_io_uring;
}

// A name with a '-' in it could not be asked for: it begins the negative part of a --gtest_filter.
std::string as_test_name(std::string_view sentence) {
  std::string name{sentence};
  std::ranges::replace_if(
      name, [](unsigned char letter) { return std::isalnum(letter) == 0; }, '_');
  return name;
}

}  // namespace

Models every_model() noexcept {
  return {[](const ModelInfo&) { return true; }, ""};
}

Models several_at_once(std::string_view why) noexcept {
  return {[](const ModelInfo& model) { return model.launcher != LauncherKind::iterative; }, why};
}

Models iterative_only(std::string_view why) noexcept {
  return {[](const ModelInfo& model) { return model.launcher == LauncherKind::iterative; }, why};
}

Models forking(std::string_view why) noexcept {
  return {[](const ModelInfo& model) {
            return model.launcher == LauncherKind::process_per_connection ||
                   model.launcher == LauncherKind::prefork;
          },
          why};
}

Models event_loops(std::string_view why) noexcept {
  return {[](const ModelInfo& model) { return model.launcher == LauncherKind::event_loop; }, why};
}

Models one_for_each_engine(std::string_view why) noexcept {
  return {[](const ModelInfo& model) {
            return std::ranges::find(all_models(), model.engine, &ModelInfo::engine)->model ==
                   model.model;
          },
          why};
}

bool clients_hold_workers(const ModelInfo& model) noexcept {
  return model.launcher == LauncherKind::prefork || model.launcher == LauncherKind::thread_pool;
}

Workers workers_for(const ModelInfo& model, unsigned clients) noexcept {
  return clients_hold_workers(model) ? Workers{clients} : Workers::by_model();
}

unsigned amount(unsigned every_day, unsigned nightly) noexcept {
  const char* const asked = std::getenv("HEADRACE_NIGHTLY");
  return asked != nullptr && std::string_view{asked} == "1" ? nightly : every_day;
}

Behaviour::Behaviour(const char* file, int line, Body body, std::string_view name, Models models) {
  for (const ModelInfo& model : all_models()) {
    if (!model.built || !runs_here(model) || !models.include(model)) continue;
    // gtest and CMake show the type parameter of a suite: "...<epoll-edge>".
    const std::string suite = "Conformance/" + std::to_string(static_cast<unsigned>(model.model));
    ::testing::RegisterTest(suite.c_str(), as_test_name(name).c_str(),
                            std::string{model.name}.c_str(), nullptr, file, line,
                            [body, &model] { return new BehaviourTest{body, model}; });
  }
}

}  // namespace headrace::conformance
