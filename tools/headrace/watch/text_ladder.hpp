// SPDX-License-Identifier: MIT
//
// A ladder as text: time, two lifelines with the states beside them, arrows between. ASCII; fits
// 80 columns; colour only where it is asked for, and never the only sign of anything.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "watch/ladder.hpp"

namespace headrace::watch {

enum class Colour : bool { no, yes };

/// Whether stdout is a terminal that shows colours, and nobody objects (NO_COLOR).
[[nodiscard]] Colour colour_of_stdout();

class TextLadder {
 public:
  TextLadder(std::size_t columns, Colour colour) noexcept;

  /// Who talks, and the tops of the lifelines. `note` comes behind: "goes on".
  [[nodiscard]] std::string heading(const tcp_state::Conversation& conversation,
                                    std::string_view note) const;
  [[nodiscard]] std::string row(const tcp_state::Conversation& conversation,
                                const LadderRow& row) const;
  [[nodiscard]] std::string folded(const Folded& folded) const;
  /// The last line, and an empty one.
  [[nodiscard]] std::string ending(const tcp_state::Conversation& conversation) const;

 private:
  [[nodiscard]] std::string line(std::string_view time, std::string_view left,
                                 std::string_view middle, std::string_view right) const;
  [[nodiscard]] std::string between(std::string_view text) const;
  [[nodiscard]] std::string arrow(const tcp_state::Rung& rung) const;
  [[nodiscard]] std::string painted(std::string_view text, std::size_t width) const;

  std::size_t width_;  // between the lifelines
  Colour colour_;
};

}  // namespace headrace::watch
