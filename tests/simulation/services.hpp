// SPDX-License-Identifier: MIT
//
// Three ways to write an echo, which together use what an engine offers: no deadline, deadlines of
// its own, and two tasks with a Channel between them. Each is always in a receive or a send, or
// about to be: the simulation's judgement stands on that.
#pragma once

#include <chrono>

#include "headrace/headrace.hpp"

namespace headrace::simulation {

class Kernel;

/// For `patient_echo`: how long it waits, and who judges whether it was so long.
struct Patience {
  Kernel& kernel;
  std::chrono::nanoseconds once;
  int times;
};

Task<> patient_echo(Patience& patience, Stream peer);
Task<> relay_echo(Stream peer);

}  // namespace headrace::simulation
