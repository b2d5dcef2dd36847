// SPDX-License-Identifier: MIT
//
// Counts what operator new has given and operator delete not got back, in the whole program: a
// task's frame that nobody destroys is seen without a sanitizer.
#pragma once

#include <cstdint>

namespace headrace::simulation {

[[nodiscard]] std::int64_t live_allocations() noexcept;

}  // namespace headrace::simulation
