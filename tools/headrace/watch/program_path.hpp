// SPDX-License-Identifier: MIT
//
// Where this program lies, for sentences that say what to type.
#pragma once

#include <array>
#include <string>

#include <unistd.h>

namespace headrace::watch {

/// The path of the running program; "headrace" where /proc does not tell.
[[nodiscard]] inline std::string program_path() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return "headrace";
  return {path.data(), static_cast<std::size_t>(length)};
}

}  // namespace headrace::watch
