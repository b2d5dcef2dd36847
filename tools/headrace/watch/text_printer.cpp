// SPDX-License-Identifier: MIT
//
// Ladders in the order in which they can be read: the oldest conversation row by row as it happens;
// what ends meanwhile is written in one piece when the first is over, or silent.
#include <algorithm>

#include "watch/conversation_printer.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

// A conversation that has said nothing for so long lets others that have ended pass.
constexpr std::int64_t kSilentNs = 500'000'000;

}  // namespace

void TextPrinter::on_rung(const Conversation& conversation, const Rung& rung) {
  auto at = waiting_.find(conversation.number);
  if (at == waiting_.end()) {
    if (conversation.ending != Ending::open) return write_late(conversation, rung);
    if (waiting_.size() >= kMostWaiting) {
      ++left_out_;
      return;
    }
    at = waiting_.try_emplace(conversation.number).first;
  }
  Waiting& waiting = at->second;
  waiting.conversation = conversation;
  waiting.ladder.add(rung);
  if (shown_ == 0) shown_ = conversation.number;
  if (shown_ != conversation.number) return;
  last_row_ns_ = rung.time_ns;
  if (wanted_(conversation)) write_rows(waiting);
}

void TextPrinter::on_end(const Conversation& conversation) {
  const auto at = waiting_.find(conversation.number);
  if (at == waiting_.end()) return;
  at->second.conversation = conversation;
  at->second.ended = true;
  if (shown_ == conversation.number) {
    write_end(at);
    shown_ = 0;
    go_on();
  } else if (conversation.last_ns - last_row_ns_ > kSilentNs) {
    write_end(at);  // the one that is shown goes on later, under a heading of its own
  }
}

// What comes when the ladder is finished: a FIN again, a segment that was long on its way.
void TextPrinter::write_late(const Conversation& conversation, const Rung& rung) {
  if (!wanted_(conversation)) return;
  write_heading(conversation, "after its end");
  write(ladder_.row(conversation, {.folded = {}, .rung = rung}));
}

void TextPrinter::write_heading(const Conversation& conversation, std::string_view note) {
  if (written_last_ == conversation.number) return;
  if (is_within_ladder_) write("\n");
  write(ladder_.heading(conversation, note));
  written_last_ = conversation.number;
  is_within_ladder_ = true;
}

// The oldest that waits is next: those that have ended are written whole.
void TextPrinter::go_on() {
  while (!waiting_.empty()) {
    const auto oldest = waiting_.begin();
    if (!oldest->second.ended) {
      shown_ = oldest->first;
      last_row_ns_ = oldest->second.conversation.last_ns;
      if (wanted_(oldest->second.conversation)) write_rows(oldest->second);
      return;
    }
    write_end(oldest);
  }
}

void TextPrinter::write_rows(Waiting& waiting) {
  const Conversation& conversation = waiting.conversation;
  if (waiting.ladder.rows().empty()) return;
  write_heading(conversation, waiting.was_begun              ? "goes on"
                              : conversation.seen_from_start ? ""
                                                             : "open before; states guessed");
  waiting.was_begun = true;
  for (const LadderRow& row : waiting.ladder.rows()) write(ladder_.row(conversation, row));
  waiting.ladder.clear_rows();
}

void TextPrinter::write_foot(Waiting& waiting) {
  write_rows(waiting);
  if (!waiting.was_begun) return;
  write_heading(waiting.conversation, "goes on");
  write(ladder_.folded(waiting.ladder.rest()));
  write(ladder_.ending(waiting.conversation));
  is_within_ladder_ = false;
}

void TextPrinter::write_end(All::iterator at) {
  Waiting& waiting = at->second;
  if (wanted_(waiting.conversation)) {
    write_foot(waiting);
    ++ended_;
  }
  waiting_.erase(at);
}

void TextPrinter::finish() {
  const auto draw = [this](Waiting& waiting) {
    if (wanted_(waiting.conversation)) write_foot(waiting);
  };
  if (const auto shown = waiting_.find(shown_); shown != waiting_.end()) {
    draw(shown->second);
    waiting_.erase(shown);
  }
  for (auto& [number, waiting] : waiting_) draw(waiting);
  waiting_.clear();
}

}  // namespace headrace::watch
