// SPDX-License-Identifier: MIT
//
// `headrace watch --demo NAME`: connections made to be looked at, in a network namespace of their
// own, told step by step.
#pragma once

#include <span>
#include <string_view>

#include "watch/watch_command.hpp"

namespace headrace::watch {

/// What --demo takes: "handshake", "close", ... in the order of the manual. Static storage.
[[nodiscard]] std::span<const std::string_view> demo_names() noexcept;

/// Runs `arguments.demo`, one of those names. The exit status.
[[nodiscard]] int run_demo(const WatchArguments& arguments);

}  // namespace headrace::watch
