// SPDX-License-Identifier: MIT
//
// `headrace watch` on a terminal.
#pragma once

#include "watch/watch_command.hpp"

namespace headrace::watch {

/// The live view until q, SIGINT or SIGTERM; leaves the terminal as it was. The exit status.
[[nodiscard]] int run_live(const WatchArguments& arguments, TcpWatch& watch);

}  // namespace headrace::watch
