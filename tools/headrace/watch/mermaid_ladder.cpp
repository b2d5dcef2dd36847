// SPDX-License-Identifier: MIT
//
// Ladders as a sequenceDiagram of Mermaid, which GitHub and others draw. Nothing but digits,
// addresses and our own words goes into it, and none of those has a meaning there.
#include <fmt/format.h>

#include "watch/conversation_printer.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

// "left3": a participant's name within the diagram.
std::string name_of(const Conversation& conversation, Side side) {
  return fmt::format("{}{}", side == Side::left ? "left" : "right", conversation.number);
}

std::string note(const Conversation& conversation, Side side, std::string_view text) {
  return fmt::format("  Note {} of {}: {}\n", side == Side::left ? "left" : "right",
                     name_of(conversation, side), text);
}

std::string note_over_both(const Conversation& conversation, std::string_view text) {
  return fmt::format("  Note over {},{}: {}\n", name_of(conversation, Side::left),
                     name_of(conversation, Side::right), text);
}

std::string folded(const Conversation& conversation, const Folded& folded) {
  return folded.segments == 0 ? std::string{} : note_over_both(conversation, to_text(folded));
}

std::string row(const Conversation& conversation, const LadderRow& row) {
  const Rung& rung = row.rung;
  std::string text = folded(conversation, row.folded);
  for (const StateChange& change : rung.changes().first(rung.before))
    text += note(conversation, change.side, to_text(change.to));
  std::string label = fmt::format("{} ({})", label_of(rung), time_of(conversation, rung));
  for (const std::string& remark : remarks_on(rung)) label += "<br/>" + remark;
  // An arrow that ends in a cross says that nothing comes after it.
  text +=
      fmt::format("  {}{}{}: {}\n", name_of(conversation, rung.from), rung.has(kRst) ? "-x" : "->>",
                  name_of(conversation, other(rung.from)), label);
  for (const StateChange& change : rung.changes().subspan(rung.before))
    text += note(conversation, change.side, to_text(change.to));
  return text;
}

}  // namespace

std::string to_mermaid(const DrawingPrinter::All& all) {
  std::string text = "sequenceDiagram\n";
  if (all.empty()) text += "  participant none as no connection was seen\n";
  for (const auto& [number, drawn] : all)
    for (const Side side : {Side::left, Side::right})
      text += fmt::format("  participant {} as {}\n", name_of(drawn.conversation, side),
                          TcpEndpointText{drawn.conversation.end(side)}.view());
  for (const auto& [number, drawn] : all) {
    for (const LadderRow& one : drawn.ladder.rows()) text += row(drawn.conversation, one);
    text += folded(drawn.conversation, drawn.ladder.rest());
    text += note_over_both(drawn.conversation, outcome_of(drawn.conversation));
  }
  return text;
}

}  // namespace headrace::watch
