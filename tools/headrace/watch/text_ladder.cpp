// SPDX-License-Identifier: MIT
//
// Rows of a ladder in ASCII:
//
//      0.000 ms SYN-SENT     |-------------- SYN seq=0 ------------>|
//      0.021 ms              |<-------- SYN+ACK seq=0 ack=1 --------| SYN-RECEIVED
#include "watch/text_ladder.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

namespace headrace::watch {

namespace {

using namespace tcp_state;

constexpr std::size_t kTimeWidth = 11;
constexpr std::size_t kStateWidth = 12;  // SYN-RECEIVED
// Time, a blank, a state, the lifelines, a blank, a state.
constexpr std::size_t kAround = kTimeWidth + 1 + kStateWidth + 1 + 1 + 1 + 1 + kStateWidth;
constexpr std::size_t kLeastBetween = 20, kMostBetween = 60;

// Of one side, in order; those before the sender's last come on lines of their own.
std::vector<TcpState> entered_by(const Rung& rung, Side side) {
  std::vector<TcpState> states;
  for (const StateChange& change : rung.changes())
    if (change.side == side) states.push_back(change.to);
  return states;
}

// SGR codes: open green, on the way yellow, waiting magenta, ended red.
std::string_view code_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kCodes{{
      {"ESTABLISHED", "32"},
      {"SYN-SENT", "33"},
      {"SYN-RECEIVED", "33"},
      {"FIN-WAIT-1", "36"},
      {"FIN-WAIT-2", "36"},
      {"CLOSE-WAIT", "36"},
      {"CLOSING", "36"},
      {"LAST-ACK", "36"},
      {"TIME-WAIT", "35"},
      {"CLOSED", "31"},
  }};
  for (const auto& [state, code] : kCodes)
    if (state == name) return code;
  return {};
}

}  // namespace

Colour colour_of_stdout() {
  const char* const refused = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool shows =
      ::isatty(STDOUT_FILENO) != 0 && terminal != nullptr && std::string_view{terminal} != "dumb";
  return shows && (refused == nullptr || *refused == '\0') ? Colour::yes : Colour::no;
}

TextLadder::TextLadder(std::size_t columns, Colour colour) noexcept
    : width_{std::clamp(columns, kAround + kLeastBetween, kAround + kMostBetween) - kAround},
      colour_{colour} {}

std::string TextLadder::heading(const Conversation& conversation, std::string_view note) const {
  std::string text = fmt::format("{}: {}", conversation.number, ends_of(conversation));
  if (!note.empty()) text += fmt::format(" ({})", note);
  const std::string left = fmt::format(":{}", conversation.end(Side::left).port);
  const std::string right = fmt::format(":{}", conversation.end(Side::right).port);
  text +=
      fmt::format("\n{:>{}}{:>{}}\n", left, kTimeWidth + 1 + kStateWidth + 2, right, width_ + 1);
  return text;
}

std::string TextLadder::painted(std::string_view text, std::size_t width) const {
  const std::string padded = fmt::format("{:<{}}", text, width);
  const std::string_view code = colour_ == Colour::yes ? code_of(text) : std::string_view{};
  return code.empty() ? padded : fmt::format("\x1b[{}m{}\x1b[0m", code, padded);
}

std::string TextLadder::line(std::string_view time, std::string_view left, std::string_view middle,
                             std::string_view right) const {
  std::string text =
      fmt::format("{:>{}} {} |{}|", time, kTimeWidth, painted(left, kStateWidth), middle);
  if (!right.empty()) text += ' ' + painted(right, 0);
  return text + '\n';
}

// `text` in the middle between the lifelines, cut to fit.
std::string TextLadder::between(std::string_view text) const {
  return fmt::format("{:^{}}", text.substr(0, width_), width_);
}

std::string TextLadder::arrow(const Rung& rung) const {
  std::string label = label_of(rung);
  const std::size_t room = width_ - 5;  // a dash and a blank at each side, and the head
  if (label.size() > room) label = label.substr(0, label.find(" ack="));
  if (label.size() > room) label.resize(room);
  const std::string middle = fmt::format("{:-^{}}", " " + label + " ", width_ - 1);
  return rung.from == Side::left ? middle + ">" : "<" + middle;
}

std::string TextLadder::row(const Conversation& conversation, const LadderRow& row) const {
  const Rung& rung = row.rung;
  std::string text = folded(row.folded);
  auto left = entered_by(rung, Side::left), right = entered_by(rung, Side::right);
  auto& sender = rung.from == Side::left ? left : right;
  auto& receiver = rung.from == Side::left ? right : left;
  const auto name = [](const std::vector<TcpState>& states, std::size_t at) {
    return at < states.size() ? to_text(states[at]) : std::string_view{};
  };
  // What the sender passed through on the way to sending stands above its arrow.
  for (std::size_t i = 0; i + 1 < sender.size(); ++i)
    text += rung.from == Side::left ? line("", name(left, i), between(""), "")
                                    : line("", "", between(""), name(right, i));
  if (sender.size() > 1) sender.erase(sender.begin(), sender.end() - 1);
  text += line(time_of(conversation, rung), name(left, 0), arrow(rung), name(right, 0));
  for (std::size_t i = 1; i < receiver.size(); ++i)
    text += rung.from == Side::left ? line("", "", between(""), name(right, i))
                                    : line("", name(left, i), between(""), "");
  for (const std::string& remark : remarks_on(rung))
    text += line("", "", between("(" + remark + ")"), "");
  return text;
}

std::string TextLadder::folded(const Folded& folded) const {
  if (folded.segments == 0) return {};
  return line("", "", between(to_text(folded)), "");
}

std::string TextLadder::ending(const Conversation& conversation) const {
  return fmt::format("{:>{}} {}\n\n", "", kTimeWidth, outcome_of(conversation));
}

}  // namespace headrace::watch
