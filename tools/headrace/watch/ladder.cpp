// SPDX-License-Identifier: MIT
//
// Which rungs are drawn, and what is said about them.
#include "watch/ladder.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "units.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

// Data or an acknowledgement on its way, and nothing else.
bool is_plain(const Rung& rung) {
  return (rung.bits & (kSyn | kFin | kRst)) == 0 && rung.remarks == 0 && rung.changes().empty();
}

constexpr std::array<std::pair<Remark, std::string_view>, 8> kRemarks{{
    {kRetransmission, "sent again"},
    {kOutOfOrder, "out of order: fills the gap"},
    {kGap, "what comes before it was not seen"},
    {kKeepAlive, "keep-alive: is anybody there?"},
    {kWindowProbe, "is there room again?"},
    {kRepeatedAck, "asks again for what is missing"},
    {kWindowClosed, "window 0: no room for more"},
    {kWindowOpened, "there is room again"},
}};

// A FIN with which its sender also shows that it has the other's: one segment for two.
bool answers_fin(const Rung& rung) {
  for (const StateChange& change : rung.changes().first(rung.before))
    if (change.to == TcpState::close_wait) return rung.has(kFin);
  return false;
}

std::string name_of(const Rung& rung) {
  if (rung.has(kRst)) return rung.has(kAck) ? "RST+ACK" : "RST";
  if (rung.has(kSyn)) return rung.has(kAck) ? "SYN+ACK" : "SYN";
  std::string name = rung.length > 0 ? "DATA" : "";
  if (rung.has(kFin)) name += name.empty() ? "FIN" : "+FIN";
  if (answers_fin(rung)) name += "+ACK";
  return name.empty() ? "ACK" : name;
}

}  // namespace

bool Ladder::add(const Rung& rung) {
  const bool is_turn = (rung.bits & (kSyn | kFin | kRst)) != 0;
  const std::size_t room = is_turn ? 2 * kMostDrawn : kMostDrawn;
  if (drawn_ >= room || (is_plain(rung) && plain_ >= kMostPlain)) {
    ++rest_.segments;
    rest_.bytes += rung.length;
    return false;
  }
  plain_ += is_plain(rung) ? 1 : 0;
  ++drawn_;
  rows_.push_back({.folded = std::exchange(rest_, {}), .rung = rung});
  return true;
}

std::string label_of(const Rung& rung) {
  std::string label = name_of(rung);
  const bool is_bare_ack = label == "ACK" || label == "RST+ACK";
  if (!is_bare_ack) label += fmt::format(" seq={}", rung.sequence);
  if (rung.length > 0) label += fmt::format(" len={}", rung.length);
  if (rung.has(kAck)) label += fmt::format(" ack={}", rung.acknowledgement);
  return label;
}

std::vector<std::string> remarks_on(const Rung& rung) {
  std::vector<std::string> remarks;
  for (const auto& [remark, text] : kRemarks)
    if ((rung.remarks & remark) != 0) remarks.emplace_back(text);
  if ((rung.remarks & kDelayedAck) != 0)
    remarks.push_back(
        fmt::format("delayed: {} ms after the data", rung.answered_after_ns / 1'000'000));
  for (const StateChange& change : rung.changes()) {
    if (change.correction) remarks.emplace_back("the acknowledgement before did not arrive");
    if (!change.legal)
      remarks.push_back(fmt::format("no arrow of RFC 9293: {} to {}",
                                    to_text(change.from.value_or(TcpState::closed)),
                                    to_text(change.to)));
  }
  return remarks;
}

std::string time_of(const Conversation& conversation, const Rung& rung) {
  const double since_ms = static_cast<double>(rung.time_ns - conversation.began_ns) / 1e6;
  if (since_ms < 10'000) return fmt::format("{:.3f} ms", since_ms);
  return fmt::format("{:.3f} s", since_ms / 1e3);
}

std::string to_text(const Folded& folded) {
  std::string text = "... " + tool::counted(folded.segments, "segment");
  if (folded.bytes > 0) text += fmt::format(", {} of data", tool::counted(folded.bytes, "byte"));
  return text;
}

std::string outcome_of(const Conversation& conversation) {
  const auto state = [&](Side side) {
    return conversation.state(side) ? to_text(*conversation.state(side)) : "unknown";
  };
  switch (conversation.ending) {
    case Ending::refused:
      return "refused: nobody listens at " +
             std::string{TcpEndpointText{conversation.end(Side::right)}.view()};
    case Ending::reset:
      return "reset: ended at once, what was under way is lost";
    case Ending::replaced:
      return "left half-open: the same ports begin anew";
    case Ending::forgotten:
      return "forgotten: too many connections at once";
    case Ending::closed:
      for (const Side side : {Side::left, Side::right})
        if (conversation.state(side) == TcpState::time_wait)
          return fmt::format("closed, and {} stays in TIME-WAIT for 60 s",
                             TcpEndpointText{conversation.end(side)}.view());
      return "closed";
    case Ending::open:
      break;
  }
  if (!conversation.state(Side::right)) return "open: not answered";
  return fmt::format("still open: {} and {}", state(Side::left), state(Side::right));
}

std::string ends_of(const Conversation& conversation) {
  return fmt::format("{} to {}", TcpEndpointText{conversation.end(Side::left)}.view(),
                     TcpEndpointText{conversation.end(Side::right)}.view());
}

}  // namespace headrace::watch
