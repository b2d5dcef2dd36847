// SPDX-License-Identifier: MIT
//
// Ladders that are drawn when all is over; and the same events as JSON.
#include <array>

#include <nlohmann/json.hpp>

#include "watch/conversation_printer.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kEndings{"open",    "closed",   "reset",
                                                   "refused", "replaced", "forgotten"};

constexpr std::array<std::pair<Remark, std::string_view>, 10> kRemarkNames{{
    {kRetransmission, "retransmission"},
    {kOutOfOrder, "out-of-order"},
    {kGap, "gap"},
    {kKeepAlive, "keep-alive"},
    {kRepeatedAck, "repeated-ack"},
    {kWindowClosed, "window-closed"},
    {kWindowOpened, "window-opened"},
    {kDelayedAck, "delayed-ack"},
    {kAfterEnd, "after-end"},
    {kWindowProbe, "window-probe"},
}};

Json bits_of(const Rung& rung) {
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 6> kNames{
      {{kSyn, "SYN"}, {kFin, "FIN"}, {kRst, "RST"}, {kPsh, "PSH"}, {kAck, "ACK"}, {kUrg, "URG"}}};
  Json names = Json::array();
  for (const auto& [bit, name] : kNames)
    if (rung.has(bit)) names.push_back(name);
  return names;
}

Json end_of(const Conversation& conversation, Side side) {
  return TcpEndpointText{conversation.end(side)}.view();
}

Json state_of(const std::optional<TcpState>& state) {
  return state ? Json(to_text(*state)) : Json(nullptr);
}

Json changes_of(const Conversation& conversation, const Rung& rung) {
  Json changes = Json::array();
  for (const StateChange& change : rung.changes())
    changes.push_back({{"end", end_of(conversation, change.side)},
                       {"from", state_of(change.from)},
                       {"to", to_text(change.to)},
                       {"legal", change.legal},
                       {"correction", change.correction}});
  return changes;
}

double ms_since(const Conversation& conversation, std::int64_t time_ns) {
  return static_cast<double>(time_ns - conversation.began_ns) / 1e6;
}

Json to_json(const Conversation& conversation, const Rung& rung) {
  Json remarks = Json::array();
  for (const auto& [remark, name] : kRemarkNames)
    if ((rung.remarks & remark) != 0) remarks.push_back(name);
  return {{"event", "segment"},
          {"connection", conversation.number},
          {"time_ms", ms_since(conversation, rung.time_ns)},
          {"source", end_of(conversation, rung.from)},
          {"destination", end_of(conversation, other(rung.from))},
          {"bits", bits_of(rung)},
          {"sequence", rung.sequence},
          {"acknowledgement", rung.has(kAck) ? Json(rung.acknowledgement) : Json(nullptr)},
          {"length", rung.length},
          {"remarks", std::move(remarks)},
          {"states", changes_of(conversation, rung)}};
}

Json end_to_json(const Conversation& conversation) {
  Json states = Json::array();
  for (const Side side : {Side::left, Side::right})
    states.push_back(
        {{"end", end_of(conversation, side)}, {"state", state_of(conversation.state(side))}});
  return {{"event", "end"},
          {"connection", conversation.number},
          {"time_ms", ms_since(conversation, conversation.last_ns)},
          {"ending", kEndings.at(static_cast<std::size_t>(conversation.ending))},
          {"seen_from_start", conversation.seen_from_start},
          {"states", std::move(states)}};
}

}  // namespace

void DrawingPrinter::on_rung(const Conversation& conversation, const Rung& rung) {
  auto at = all_.find(conversation.number);
  if (at == all_.end()) {
    if (all_.size() >= kMostDrawn) {
      left_out_ += conversation.number > left_out_last_ ? 1 : 0;
      left_out_last_ = std::max(left_out_last_, conversation.number);
      return;
    }
    at = all_.try_emplace(conversation.number).first;
  }
  at->second.conversation = conversation;
  at->second.ladder.add(rung);
}

void DrawingPrinter::on_end(const Conversation& conversation) {
  const auto at = all_.find(conversation.number);
  if (at == all_.end()) return;
  at->second.conversation = conversation;
  if (wanted_(conversation))
    ++ended_;
  else
    all_.erase(at);
}

void DrawingPrinter::finish() {
  std::erase_if(all_, [this](const auto& drawn) { return !wanted_(drawn.second.conversation); });
  write(draw_(all_));
  all_.clear();
}

void JsonPrinter::on_rung(const Conversation& conversation, const Rung& rung) {
  if (!wanted_(conversation)) return;
  if (conversation.ending == Ending::open && open_.size() < Conversations::kMost)
    open_.insert_or_assign(conversation.number, conversation);
  write(to_json(conversation, rung).dump() + '\n');
}

void JsonPrinter::on_end(const Conversation& conversation) {
  open_.erase(conversation.number);
  if (!wanted_(conversation)) return;
  ++ended_;
  write(end_to_json(conversation).dump() + '\n');
}

void JsonPrinter::finish() {
  for (const auto& [number, conversation] : open_)
    if (wanted_(conversation)) write(end_to_json(conversation).dump() + '\n');
  open_.clear();
}

}  // namespace headrace::watch
