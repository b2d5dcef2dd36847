// SPDX-License-Identifier: MIT
//
// Holds the place of `watch --demo`, which is not there yet; its names are.
#include "watch/demo.hpp"

#include <array>

#include "output.hpp"

namespace headrace::watch {

namespace {

constexpr std::array<std::string_view, 10> kNames{
    "handshake",          "close", "time-wait", "lost-last-ack", "late-segment",
    "simultaneous-close", "reset", "backlog",   "half-open",     "reuse-address"};

}  // namespace

std::span<const std::string_view> demo_names() noexcept { return kNames; }

int run_demo(const WatchArguments&) {
  return tool::complain("watch --demo is not in this version yet", tool::kWrongUsage);
}

}  // namespace headrace::watch
