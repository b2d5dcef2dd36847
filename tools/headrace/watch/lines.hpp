// SPDX-License-Identifier: MIT
//
// `headrace watch` where no person looks at a screen: rows, then a line an event, as text or JSON.
#pragma once

#include "watch/watch_command.hpp"

namespace headrace::watch {

/// The sockets as they are, then, without `once`, the events until SIGINT or SIGTERM.
[[nodiscard]] int run_lines(const WatchArguments& arguments, TcpWatch& watch);

}  // namespace headrace::watch
