// SPDX-License-Identifier: MIT
//
// One seed, one run: a server under a model, some dozens of peers, an operator who kicks and stops;
// and whether everything ended as it may.
#pragma once

#include <cstdint>
#include <string>

#include "headrace/model.hpp"

namespace headrace::simulation {

struct Outcome {
  std::uint64_t seed = 0;
  unsigned lifetimes = 0;  // connections that began and ended
  std::uint64_t calls = 0;
  std::uint64_t sum = 0;  // of the trace: the same for each run of a seed
  std::string wrong{};    // "": nothing
  std::string trace{};    // the latest lines, if something is wrong
};

enum class Telling : std::uint8_t { silent, every_line };

Outcome run(Model model, std::uint64_t seed, Telling telling = Telling::silent);

/// What to type in order to see it again.
[[nodiscard]] std::string report(Model model, const Outcome& outcome);

}  // namespace headrace::simulation
