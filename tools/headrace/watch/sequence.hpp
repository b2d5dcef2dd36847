// SPDX-License-Identifier: MIT
//
// `headrace watch --sequence`: each connection as a ladder of its segments, as it happens.
#pragma once

#include "watch/watch_command.hpp"

namespace headrace::watch {

/// Draws the connections that the filter means until SIGINT, SIGTERM or `arguments.count` of them.
/// The exit status.
[[nodiscard]] int run_sequence(const WatchArguments& arguments);

}  // namespace headrace::watch
