// SPDX-License-Identifier: MIT
//
// How long an operation may take. A deadline is an argument of the operation, never a race against
// a timer: an engine that blocks has no second thing to wait for.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace headrace {

/// "Within d from the start of the operation", "at t", or "never". 8 bytes, copied freely.
///
/// `after(d)` counts from the start of the operation. An operation never ends before its deadline;
/// it may end a tick (1 ms; a tick of the kernel, up to 10 ms, under the blocking engine) and the
/// length of the loop's turn later. Times are CLOCK_MONOTONIC, see clock_gettime(2).
class Deadline {
 public:
  using Duration = std::chrono::nanoseconds;
  using TimePoint = std::chrono::steady_clock::time_point;

  [[nodiscard]] static constexpr Deadline never() noexcept { return Deadline{kNever}; }

  /// `duration` from the start of the operation; a negative one has already passed.
  [[nodiscard]] static constexpr Deadline after(Duration duration) noexcept {
    return Deadline{
        duration.count() < 0 ? 1 : (duration.count() < kLongest ? duration.count() : kLongest) + 1};
  }

  /// At `time` of std::chrono::steady_clock.
  [[nodiscard]] static constexpr Deadline at(TimePoint time) noexcept {
    const std::int64_t since_epoch = Duration{time.time_since_epoch()}.count();
    return Deadline{~(since_epoch < 0 ? 0 : since_epoch)};
  }

  [[nodiscard]] constexpr bool is_never() const noexcept { return raw_ == kNever; }
  [[nodiscard]] constexpr bool is_absolute() const noexcept { return raw_ < 0; }

  /// When this passes for an operation that starts at `now`; TimePoint::max() for never.
  [[nodiscard]] constexpr TimePoint resolve(TimePoint now) const noexcept {
    if (is_never()) return TimePoint::max();
    if (is_absolute()) return TimePoint{Duration{~raw_}};
    const Duration wanted{raw_ - 1};
    return wanted < TimePoint::max() - now ? now + wanted : TimePoint::max();
  }

  constexpr bool operator==(const Deadline&) const noexcept = default;

 private:
  static constexpr std::int64_t kNever = 0;
  static constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max() - 1;
  explicit constexpr Deadline(std::int64_t raw) noexcept : raw_{raw} {}

  std::int64_t raw_;  // above 0: one more than the nanoseconds from the start; below: ~ of the time
                      // on the clock
};
static_assert(sizeof(Deadline) == 8);

}  // namespace headrace
