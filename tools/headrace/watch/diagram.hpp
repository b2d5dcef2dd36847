// SPDX-License-Identifier: MIT
//
// The state diagram of RFC 9293 (figure 5) on 79 columns and 8 rows, turned so that a connection's
// life runs from left to right, with how many are in each state and how often each arrow was taken.
#pragma once

#include <array>
#include <cstdint>

#include "headrace/tcp_state.hpp"
#include "watch/canvas.hpp"

namespace headrace::watch {

inline constexpr std::size_t kDiagramColumns = 79;
inline constexpr std::size_t kDiagramRows = 8;

/// How often each step was seen.
class Steps {
 public:
  void add(TcpState from, TcpState to) noexcept { ++at(from, to); }
  [[nodiscard]] std::uint64_t& at(TcpState from, TcpState to) noexcept {
    return counts_[static_cast<std::size_t>(from) * kTcpStates + static_cast<std::size_t>(to)];
  }
  [[nodiscard]] std::uint64_t of(TcpState from, TcpState to) const noexcept {
    return counts_[static_cast<std::size_t>(from) * kTcpStates + static_cast<std::size_t>(to)];
  }
  /// Ends that are not drawn as an arrow: resets, refusals, time limits.
  [[nodiscard]] std::uint64_t cut_short() const noexcept;

 private:
  std::array<std::uint64_t, kTcpStates * kTcpStates> counts_{};
};

using Counts = std::array<std::uint32_t, kTcpStates>;

/// `before`: the steps of the last time; arrows that were taken since stand out.
void draw_diagram(Canvas& canvas, std::size_t row, const Counts& counts, const Steps& steps,
                  const Steps& before);

/// "listen 2 established 12": those that are not 0, for a screen too small for the diagram.
void draw_counts(Canvas& canvas, std::size_t row, const Counts& counts);

/// How a state is shown.
[[nodiscard]] Style style_of(TcpState state) noexcept;

}  // namespace headrace::watch
