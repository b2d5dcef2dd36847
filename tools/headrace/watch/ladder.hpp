// SPDX-License-Identifier: MIT
//
// The ladder of one conversation: its rungs, and the words that every way of drawing them uses. A
// transfer of a million segments is still a ladder of some hundred rungs: those that only move data
// along are counted after a while. Not here: how it is drawn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tcp_state/conversations.hpp"

namespace headrace::watch {

/// A line between two rungs that stands for many.
struct Folded {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;  ///< of data, both ways
};

/// A rung that is drawn, and what was folded before it.
struct LadderRow {
  Folded folded;
  tcp_state::Rung rung;
};

class Ladder {
 public:
  /// So many rungs with data or acknowledgements and nothing else to say are drawn one by one.
  static constexpr std::size_t kMostPlain = 64;
  /// So many are drawn in all; of what comes after, SYN, FIN and RST once more as many.
  static constexpr std::size_t kMostDrawn = 1000;

  /// Whether it became a row; else it was counted.
  bool add(const tcp_state::Rung& rung);

  [[nodiscard]] const std::vector<LadderRow>& rows() const noexcept { return rows_; }
  /// What was folded behind the last row.
  [[nodiscard]] const Folded& rest() const noexcept { return rest_; }
  /// Forgets the rows, as they have been drawn; goes on counting.
  void clear_rows() noexcept { rows_.clear(); }

 private:
  std::vector<LadderRow> rows_;
  Folded rest_;
  std::size_t plain_ = 0, drawn_ = 0;
};

/// "SYN seq=0", "DATA seq=1 len=5 ack=1", "FIN+ACK seq=6 ack=7".
[[nodiscard]] std::string label_of(const tcp_state::Rung& rung);

/// What there is to say about it, each a few words: "sent again", "delayed: 41 ms after the data".
[[nodiscard]] std::vector<std::string> remarks_on(const tcp_state::Rung& rung);

/// Time since the conversation began: "0.031 ms", "61.2 s".
[[nodiscard]] std::string time_of(const tcp_state::Conversation& conversation,
                                  const tcp_state::Rung& rung);

/// "… 1,204 segments with 3 MiB" for people.
[[nodiscard]] std::string to_text(const Folded& folded);

/// How it ended or stands, as a sentence without an end.
[[nodiscard]] std::string outcome_of(const tcp_state::Conversation& conversation);

/// "127.0.0.1:45678 to 127.0.0.1:7788"
[[nodiscard]] std::string ends_of(const tcp_state::Conversation& conversation);

}  // namespace headrace::watch
