// SPDX-License-Identifier: MIT
//
// What is done under faults: a server in a process of its own, two clients that know nothing of
// faults, a stop.
#pragma once

#include <array>
#include <string>

#include "faulty_calls.hpp"
#include "headrace/serve.hpp"

namespace headrace::faults {

/// How one run ended. `wrong` is empty when all was well, else says what was not.
struct Outcome {
  std::string wrong{};
  std::array<std::uint32_t, kCalls> counts{};  // of the server's calls
  bool struck = false;                         // the call that was to fail has been made
};

/// Serves echo under `model` with `plan`, talks to it, stops it: in a child process that is given a
/// few seconds.
///
/// Always wrong: a crash, a server that does not end, a byte that was not sent, a client left
/// hanging, a descriptor left open, a status of 1 without a failure told, or the other way round. A
/// fault may cost one client its connection; without one (`plan.nth` 0) all must be served.
[[nodiscard]] Outcome run(Model model, const Plan& plan);

}  // namespace headrace::faults
