// SPDX-License-Identifier: MIT
//
// What the two logs remember about time: when a repeated line was last said.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

namespace headrace::tool {

/// Lets one line a second through, so that a flood of refused peers does not become a flood of
/// lines. Any thread.
class OncePerSecond {
 public:
  [[nodiscard]] bool may_speak() {
    const std::lock_guard lock{mutex_};
    const auto now = std::chrono::steady_clock::now();
    if (last_ && now - *last_ < std::chrono::seconds{1}) return false;
    last_ = now;
    return true;
  }

 private:
  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace headrace::tool
