// SPDX-License-Identifier: MIT
//
// Holds the place of `watch --sequence`, which is not there yet.
#include "watch/sequence.hpp"

#include "output.hpp"

namespace headrace::watch {

int run_sequence(const WatchArguments&) {
  return tool::complain("watch --sequence is not in this version yet", tool::kWrongUsage);
}

}  // namespace headrace::watch
