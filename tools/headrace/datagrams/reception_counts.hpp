// SPDX-License-Identifier: MIT
//
// What `receive` has got so far, and the summary of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "datagrams/arrival.hpp"

namespace headrace::tool {

class ReceptionCounts {
 public:
  using Clock = std::chrono::steady_clock;

  /// Looks at one that came: its number, and how many the kernel had dropped by then, in all. What
  /// is found out is written into `arrival`.
  void note(Arrival& arrival, std::uint64_t dropped_so_far);

  [[nodiscard]] std::uint64_t datagrams() const noexcept { return datagrams_; }

  /// Lines for a person; `dropped` in all, `lasted` as a whole.
  [[nodiscard]] std::string as_text(std::uint64_t dropped, Clock::duration lasted) const;
  /// One object, {"event":"summary",...}, without a newline.
  [[nodiscard]] std::string as_json(std::uint64_t dropped, Clock::duration lasted) const;

 private:
  std::uint64_t datagrams_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t cut_ = 0;
  std::uint64_t dropped_ = 0;
  Runs runs_;
};

/// What should be said at once about a datagram: it was cut, others were dropped before it, it came
/// out of turn. Empty when nothing is.
[[nodiscard]] std::string remark_on(const Arrival& arrival);

}  // namespace headrace::tool
