// SPDX-License-Identifier: MIT
//
// The tests, or one seed, or a search:
//
//   simulation_tests                                     all tests
//   simulation_tests --model epoll-edge --seed 17        one run, every line of its trace
//   simulation_tests --model epoll-edge --find TEXT --runs 500
//       runs until something is wrong whose sentence has TEXT in it: status 0 if so. What the
//       programs with a planted fault are asked.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "run.hpp"

namespace headrace::simulation {

namespace {

struct Wanted {
  Model model = Model::epoll_edge;
  std::uint64_t seed = 0;
  std::string text{};
  std::uint64_t runs = 500;
  bool finds = false;
};

/// Whether there is something to do beside the tests.
bool understand(int count, char** arguments, Wanted& wanted) {
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const char* const value = arguments[index + 1];
    if (name == "--model") {
      for (const ModelInfo& model : all_models())
        if (model.name == value) wanted.model = model.model;
    } else if (name == "--seed") {
      wanted.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--runs") {
      wanted.runs = std::strtoull(value, nullptr, 10);
    } else if (name == "--find") {
      wanted.text = value;
      wanted.finds = true;
    } else {
      return false;
    }
  }
  return wanted.seed != 0 || wanted.finds;
}

int replay(const Wanted& wanted) {
  const Outcome outcome = run(wanted.model, wanted.seed, Telling::every_line);
  if (outcome.wrong.empty()) std::printf("nothing is wrong\n");
  if (!outcome.wrong.empty()) std::printf("wrong: %s\n", outcome.wrong.c_str());
  return outcome.wrong.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int find(const Wanted& wanted) {
  for (std::uint64_t seed = 1; seed <= wanted.runs; ++seed) {
    const Outcome outcome = run(wanted.model, seed);
    if (outcome.wrong.empty()) continue;
    std::printf("%s", report(wanted.model, outcome).c_str());
    if (outcome.wrong.find(wanted.text) != std::string::npos) return EXIT_SUCCESS;
  }
  std::printf("%ju runs, and nothing like that is wrong\n",
              static_cast<std::uintmax_t>(wanted.runs));
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace headrace::simulation

int main(int count, char** arguments) {
  using namespace headrace::simulation;
  Wanted wanted;
  if (understand(count, arguments, wanted)) return wanted.finds ? find(wanted) : replay(wanted);
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
