// SPDX-License-Identifier: MIT
//
// Histogram: how latencies are spread, in fixed memory. Log-linear: every power of two is cut into
// 1024 equal steps, so that a quantile is right to a thousandth (three digits) at any height.
//
// After Gil Tene's HdrHistogram. Not here: time (values are whatever unit the caller counts in).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace headrace::bench {

/// Counts values from 0 to kHighest; 264 KiB whatever is recorded.
///
/// Values below 2048 are exact, the others at most 1/1024 too high, never too low. Recording is
/// a few instructions and never allocates.
class Histogram {
 public:
  /// An hour in nanoseconds and some more: 73 minutes. Larger values count as this one, but for
  /// `max`, which is exact.
  static constexpr std::uint64_t kHighest = (std::uint64_t{1} << 42) - 1;

  Histogram() : counts_(index_of(kHighest) + 1) {}

  void record(std::uint64_t value) noexcept {
    ++counts_[index_of(std::min(value, kHighest))];
    ++count_;
    max_ = std::max(max_, value);
  }

  /// As if everything recorded in `other` had been recorded here.
  void merge(const Histogram& other) noexcept;

  /// What was recorded here and not yet in `earlier`, a copy of this one taken before. Its `max` is
  /// right to a thousandth only.
  [[nodiscard]] Histogram since(const Histogram& earlier) const;

  /// Forgets all.
  void clear() noexcept;

  /// The smallest value that at least `share` of all recorded ones do not exceed: 0.5 asks for the
  /// median, 0 for the smallest, 1 for the largest. 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t quantile(double share) const noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The largest value recorded, exactly; 0 when nothing was.
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

 private:
  static constexpr std::size_t kStepBits = 10;  // 1024 steps a power of two
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;

  // A value keeps its leading 11 bits; each bit that falls away begins a new row of kSteps counters
  // behind the 2048 exact ones.
  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    const auto bits = static_cast<std::size_t>(std::bit_width(value | (2 * kSteps - 1)));
    const std::size_t lost = bits - (kStepBits + 1);
    return lost * kSteps + static_cast<std::size_t>(value >> lost);
  }
  /// The largest value counted at `index`.
  static std::uint64_t highest_at(std::size_t index) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace headrace::bench
