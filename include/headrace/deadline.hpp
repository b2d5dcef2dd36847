// SPDX-License-Identifier: MIT
//
// How long an operation may take. A deadline is an argument of the operation, never a race against a timer: an engine
// that blocks has no second thing to wait for.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace headrace {

/// "Within d from the start of the operation", "at t", or "never". 8 bytes, copied freely.
///
/// `after(d)` costs no clock reading where it is written: the engine counts from its own cached clock (event loops) or
/// lets the kernel count (blocking engine). An operation never ends before its deadline; it may end a timer tick
/// (1 ms) plus the length of the turn later. Times are CLOCK_MONOTONIC, see clock_gettime(2).
class Deadline {
 public:
  using Duration = std::chrono::nanoseconds;
  using TimePoint = std::chrono::steady_clock::time_point;

  [[nodiscard]] static constexpr Deadline never() noexcept { return Deadline{kNever}; }

  /// `duration` from the start of the operation; a negative one has already passed.
  [[nodiscard]] static constexpr Deadline after(Duration duration) noexcept {
    return Deadline{duration.count() < 0 ? 0 : duration.count()};
  }

  /// At `time` of std::chrono::steady_clock.
  [[nodiscard]] static constexpr Deadline at(TimePoint time) noexcept {
    return Deadline{~std::chrono::duration_cast<Duration>(time.time_since_epoch()).count()};
  }

  [[nodiscard]] constexpr bool is_never() const noexcept { return raw_ == kNever; }
  [[nodiscard]] constexpr bool is_absolute() const noexcept { return raw_ < 0; }

  /// When this passes for an operation that starts at `now`; TimePoint::max() for never.
  [[nodiscard]] constexpr TimePoint resolve(TimePoint now) const noexcept {
    if (is_never()) return TimePoint::max();
    if (is_absolute()) return TimePoint{Duration{~raw_}};
    const Duration room = TimePoint::max() - now;
    return Duration{raw_} < room ? now + Duration{raw_} : TimePoint::max();
  }

  constexpr bool operator==(const Deadline&) const noexcept = default;

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  explicit constexpr Deadline(std::int64_t raw) noexcept : raw_{raw} {}

  std::int64_t raw_;  // not negative: nanoseconds from the start; negative: ~ of the time on the steady clock
};
static_assert(sizeof(Deadline) == 8);

}  // namespace headrace
