// SPDX-License-Identifier: MIT
//
// From conversations as they happen to what `watch --sequence` writes: text as it happens, one
// conversation at a time; Mermaid and SVG as one drawing at the end; JSON a line an event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tcp_state/conversations.hpp"
#include "watch/ladder.hpp"
#include "watch/text_ladder.hpp"

namespace headrace::watch {

/// Whether a conversation is meant, once something can be said about it.
using Wanted = std::function<bool(const tcp_state::Conversation&)>;

/// What all printers do: text piles up in `take`.
class ConversationPrinter : public tcp_state::ConversationObserver {
 public:
  /// What is to be written now.
  [[nodiscard]] std::string take() { return std::exchange(text_, {}); }
  /// Conversations that ended and were drawn.
  [[nodiscard]] std::uint64_t ended() const noexcept { return ended_; }
  /// Those that could not be kept: too many at once.
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }
  /// Draws what is still open, and whatever comes last.
  virtual void finish() = 0;

 protected:
  void write(std::string_view text) { text_ += text; }
  std::uint64_t ended_ = 0, left_out_ = 0;

 private:
  std::string text_;
};

/// Text: the rungs of one conversation as they happen; others wait until it is over, or until it
/// is silent while they end.
class TextPrinter final : public ConversationPrinter {
 public:
  /// So many conversations wait at most.
  static constexpr std::size_t kMostWaiting = 1000;

  TextPrinter(TextLadder ladder, Wanted wanted) : ladder_{ladder}, wanted_{std::move(wanted)} {}

  void on_rung(const tcp_state::Conversation& conversation, const tcp_state::Rung& rung) override;
  void on_end(const tcp_state::Conversation& conversation) override;
  void finish() override;

 private:
  struct Waiting {
    tcp_state::Conversation conversation;
    Ladder ladder;
    bool ended = false;
    bool was_begun = false;  // its heading was written
  };
  using All = std::map<std::uint64_t, Waiting>;

  void write_late(const tcp_state::Conversation& conversation, const tcp_state::Rung& rung);
  void write_heading(const tcp_state::Conversation& conversation, std::string_view note);
  void write_rows(Waiting& waiting);
  void write_foot(Waiting& waiting);
  void write_end(All::iterator at);
  void go_on();

  TextLadder ladder_;
  Wanted wanted_;
  All waiting_;
  std::uint64_t shown_ = 0;  // whose rows are written as they come; 0: none
  std::int64_t last_row_ns_ = 0;
  std::uint64_t written_last_ = 0;  // whose heading stands above the last row
  bool is_within_ladder_ = false;
};

/// Mermaid and SVG: every ladder is kept until the end.
class DrawingPrinter final : public ConversationPrinter {
 public:
  /// So many are drawn at most.
  static constexpr std::size_t kMostDrawn = 200;
  struct Drawn {
    tcp_state::Conversation conversation;
    Ladder ladder;
  };
  /// By number.
  using All = std::map<std::uint64_t, Drawn>;
  using Draw = std::string (*)(const All&);

  DrawingPrinter(Draw draw, Wanted wanted) : draw_{draw}, wanted_{std::move(wanted)} {}

  void on_rung(const tcp_state::Conversation& conversation, const tcp_state::Rung& rung) override;
  void on_end(const tcp_state::Conversation& conversation) override;
  void finish() override;

 private:
  Draw draw_;
  Wanted wanted_;
  All all_;
  std::uint64_t left_out_last_ = 0;
};

/// JSON: an object a line, for each segment and each end.
class JsonPrinter final : public ConversationPrinter {
 public:
  explicit JsonPrinter(Wanted wanted) : wanted_{std::move(wanted)} {}

  void on_rung(const tcp_state::Conversation& conversation, const tcp_state::Rung& rung) override;
  void on_end(const tcp_state::Conversation& conversation) override;
  void finish() override;

 private:
  Wanted wanted_;
  std::map<std::uint64_t, tcp_state::Conversation> open_;
};

/// A sequenceDiagram of Mermaid with all of them, one below the other.
[[nodiscard]] std::string to_mermaid(const DrawingPrinter::All& all);

/// A picture that needs no other file, for light and dark backgrounds.
[[nodiscard]] std::string to_svg(const DrawingPrinter::All& all);

}  // namespace headrace::watch
