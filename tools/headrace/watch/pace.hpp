// SPDX-License-Identifier: MIT
//
// How often to look: as often as asked, but never so often that looking takes more than a few
// hundredths of a core.
#pragma once

#include <chrono>
#include <ctime>
#include <utility>

namespace headrace::watch {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Pace(std::chrono::nanoseconds interval) noexcept : interval_{interval} {}

  /// What is done from here on is counted.
  void begin() noexcept { begun_at_ = cpu_time(); }

  /// It is done; the same again not before that.
  void end() noexcept {
    const std::chrono::nanoseconds cost = cpu_time() - begun_at_;
    rest_ = std::max(interval_, kTimesItsCost * cost);
    next_ = Clock::now() + rest_;
  }

  [[nodiscard]] Clock::time_point next() const noexcept { return next_; }
  /// The pause after the last time: the interval asked for, or longer.
  [[nodiscard]] std::chrono::nanoseconds rest() const noexcept { return rest_; }
  [[nodiscard]] bool backs_off() const noexcept { return rest_ > interval_; }
  /// At once.
  void hurry() noexcept { next_ = Clock::now(); }

 private:
  // 4% of a core, so that all else stays below 5%.
  static constexpr int kTimesItsCost = 25;

  // Of this process, in the kernel too: a dump of sockets is made on the caller's time.
  static std::chrono::nanoseconds cpu_time() noexcept {
    timespec time{};
    (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);  // cannot fail
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
  }

  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds rest_{interval_};
  std::chrono::nanoseconds begun_at_{};
  Clock::time_point next_ = Clock::now();
};

}  // namespace headrace::watch
