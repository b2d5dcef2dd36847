// SPDX-License-Identifier: MIT
//
// Pattern: what the load sends. Random bytes that repeat after a prime number of them; every
// connection begins at its own place. So each byte depends on the connection and on its position in
// the stream, and a lost, repeated, shifted or misdelivered one meets other bytes than its own.
// Nothing is generated while the load runs: a message is a stretch of one table.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "headrace/buffer.hpp"

namespace headrace::bench {

class Pattern {
 public:
  /// The longest stretch that `at` gives.
  static constexpr std::size_t kLongest = 256 * 1024;

  Pattern() : bytes_(kPeriod + kLongest) {
    std::mt19937 random{20260101};  // any constant: the same bytes in every run
    for (std::size_t at = 0; at < kPeriod; ++at) bytes_[at] = static_cast<std::byte>(random());
    for (std::size_t at = kPeriod; at < bytes_.size(); ++at) bytes_[at] = bytes_[at - kPeriod];
  }

  /// Where a connection begins; different for every connection of a process.
  [[nodiscard]] static std::uint32_t start_of(std::size_t connection) noexcept {
    return static_cast<std::uint32_t>(connection * kStride % kPeriod);
  }

  /// The bytes from `place` on; `length` is at most kLongest.
  [[nodiscard]] ByteView at(std::uint32_t place, std::size_t length) const noexcept {
    return {bytes_.data() + place, length};
  }

  /// The place `length` bytes behind `place`.
  [[nodiscard]] static std::uint32_t after(std::uint32_t place, std::size_t length) noexcept {
    const std::size_t next = place + length;
    return static_cast<std::uint32_t>(next < kPeriod ? next : next % kPeriod);
  }

 private:
  // Prime, so that it shares no factor with a message or a buffer: dropping a buffer of 64 KiB
  // shifts the pattern by 15 bytes. Small, so that the table stays in the processor's cache.
  static constexpr std::size_t kPeriod = 65'521;
  static constexpr std::size_t kStride = 40'503;  // kPeriod / golden ratio: neighbours far apart

  std::vector<std::byte> bytes_;
};

}  // namespace headrace::bench
