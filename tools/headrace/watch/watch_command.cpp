// SPDX-License-Identifier: MIT
//
// Holds the place of the live view.
#include "watch/watch_command.hpp"

#include "output.hpp"

namespace headrace::watch {

int run_watch(const WatchArguments&) {
  return tool::complain("watch is not in this version yet", tool::kWrongUsage);
}

}  // namespace headrace::watch
