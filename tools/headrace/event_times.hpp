// SPDX-License-Identifier: MIT
//
// What the two logs remember about time: when each open connection came, and when a repeated line
// was last said.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace headrace::tool {

/// When the open connections arrived. Any thread.
class ArrivalTimes {
 public:
  using Clock = std::chrono::steady_clock;

  void note(std::uint64_t id) {
    const std::lock_guard lock{mutex_};
    arrived_[id] = Clock::now();
  }

  /// How long ago `id` was noted; it is then forgotten. Nothing when it never was.
  [[nodiscard]] std::optional<Clock::duration> take(std::uint64_t id) {
    const std::lock_guard lock{mutex_};
    const auto found = arrived_.extract(id);
    if (found.empty()) return std::nullopt;
    return Clock::now() - found.mapped();
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Clock::time_point> arrived_;
};

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
