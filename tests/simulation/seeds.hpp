// SPDX-License-Identifier: MIT
//
// Seeds that have found something, each with what it found: they are run first and for ever. A seed
// means what it meant only as long as the simulation draws the same numbers: whoever changes what
// is drawn looks for new ones (README.md says how).
#pragma once

#include <array>
#include <cstdint>

namespace headrace::simulation {

struct PastBug {
  std::uint64_t seed;
  const char* what;
};

constexpr std::array kPastBugs{
    PastBug{2, "a timer wheel that had become empty kept the loop turning"},
    PastBug{262, "epoll-edge: a task timed out while the other's send had just ended"},
    PastBug{711, "epoll-level: a receive timed out in the moment in which the other's send ended"},
    PastBug{1311, "epoll-edge: likewise"},
    PastBug{20,
            "io_uring: of two requests for many that were refused, the second ended the server"},
    PastBug{773, "io_uring: a deadline that had passed was not looked at again"},
    PastBug{902, "io_uring: likewise, and the connection stayed for ever"},
    PastBug{4809, "io_uring: one refused, and those accepted behind it were forgotten"},
    PastBug{5486, "io_uring: one was refused as the drain began, and accepting never ended"}};

}  // namespace headrace::simulation
