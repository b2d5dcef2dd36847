// SPDX-License-Identifier: MIT
//
// Reading a Histogram: quantiles and sums. Recording is in the header.
#include "bench/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace headrace::bench {

void Histogram::merge(const Histogram& other) noexcept {
  for (std::size_t index = 0; index < counts_.size(); ++index)
    counts_[index] += other.counts_[index];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram recent;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    recent.counts_[index] = counts_[index] - earlier.counts_[index];
    if (recent.counts_[index] > 0) recent.max_ = std::min(highest_at(index), max_);
  }
  recent.count_ = count_ - earlier.count_;
  return recent;
}

void Histogram::clear() noexcept {
  std::ranges::fill(counts_, 0);
  count_ = max_ = 0;
}

std::uint64_t Histogram::highest_at(std::size_t index) noexcept {
  if (index < 2 * kSteps) return index;
  const std::size_t lost = index / kSteps - 1;
  return ((index - lost * kSteps + 1) << lost) - 1;
}

std::uint64_t Histogram::quantile(double share) const noexcept {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
  if (rank == count_) return max_;
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    // No value is above the largest, though the step that holds it may end above.
    if (seen >= rank) return std::min(highest_at(index), max_);
  }
  return max_;
}

}  // namespace headrace::bench
