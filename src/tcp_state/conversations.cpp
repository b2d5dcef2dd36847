// SPDX-License-Identifier: MIT
//
// Which conversation a segment belongs to, when one begins and when it is over. What a segment says
// is counted and remarked upon in remarks.cpp; what it does to both sides' states is in
// deductions.cpp.
#include "tcp_state/conversations.hpp"

#include <algorithm>
#include <vector>

namespace headrace::tcp_state {

namespace {

bool is_opening(const Segment& segment) noexcept {
  return (segment.bits & (kSyn | kAck | kRst)) == kSyn;
}

std::uint16_t bit_of(TcpState state) noexcept {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(state));
}

// Who began, where the first SYN was not seen.
bool source_is_left(const Segment& segment) noexcept {
  if (segment.has(kSyn)) return !segment.has(kAck);
  return segment.source.port > segment.destination.port;
}

}  // namespace

std::int64_t Conversations::Half::counted(std::uint32_t number, std::int64_t first) noexcept {
  if (!base) {
    base = number - static_cast<std::uint32_t>(first);
    next = first;
  }
  // The difference, not the number, has a sign: so counting goes on beyond 2^32 (RFC 9293, 3.4).
  const auto from_next =
      static_cast<std::int32_t>(number - (*base + static_cast<std::uint32_t>(next)));
  return next + from_next;
}

void Conversations::observe(const Segment& segment) {
  Flow* const flow = flow_of(segment);
  if (flow == nullptr) return;
  Conversation& conversation = flow->conversation;
  Rung rung;
  rung.time_ns = segment.time_ns;
  rung.from = segment.source == conversation.end(Side::left) ? Side::left : Side::right;
  rung.bits = segment.bits;
  rung.length = segment.length;
  Half& sender = flow->half(rung.from);
  const bool counts = !segment.has(kRst) || sender.base;  // a RST may come from nobody
  if (counts) rung.sequence = sender.counted(segment.sequence, segment.has(kSyn) ? 0 : 1);
  if (segment.has(kAck))
    rung.acknowledgement = flow->half(other(rung.from)).counted(segment.acknowledgement, 1);
  if (is_copy(sender, segment, rung.sequence)) return;

  if (conversation.ending != Ending::open) rung.remarks |= kAfterEnd;
  remark(*flow, rung, segment);
  leave(*flow, rung);
  rung.before = static_cast<std::uint8_t>(rung.changes().size());
  arrive(*flow, rung);
  conversation.last_ns = segment.time_ns;
  observer_.on_rung(conversation, rung);
  look_for_end(*flow, rung);
}

Conversations::Flow* Conversations::flow_of(const Segment& segment) {
  const Key key = std::minmax(segment.source, segment.destination);
  const auto found = flows_.find(key);
  if (found == flows_.end()) return open_flow(key, segment);
  Flow& flow = found->second;
  Conversation& conversation = flow.conversation;
  const bool is_old =
      conversation.ending != Ending::open && segment.time_ns - conversation.last_ns > kRememberedNs;
  if (!is_old && !(is_opening(segment) && begins_anew(flow, segment))) return &flow;
  if (conversation.ending == Ending::open) end(flow, Ending::replaced);
  flows_.erase(found);
  return open_flow(key, segment);
}

// A SYN on ports that are known: the same again, both sides opening at once, or another connection.
bool Conversations::begins_anew(Flow& flow, const Segment& segment) noexcept {
  const Conversation& conversation = flow.conversation;
  const Side from = segment.source == conversation.end(Side::left) ? Side::left : Side::right;
  const Half& sender = flow.half(from);
  if (sender.has_sent_syn) return sender.base != segment.sequence;
  const bool both_open =
      conversation.ending == Ending::open && conversation.state(other(from)) == TcpState::syn_sent;
  return !both_open;
}

Conversations::Flow* Conversations::open_flow(const Key& key, const Segment& segment) {
  if (segment.has(kRst)) return nullptr;  // the end of something that we did not see
  if (flows_.size() >= most_) make_room();
  Flow flow;
  Conversation& conversation = flow.conversation;
  conversation.number = ++count_;
  conversation.began_ns = conversation.last_ns = segment.time_ns;
  conversation.seen_from_start = is_opening(segment);
  const bool forwards = source_is_left(segment);
  conversation.ends = {forwards ? segment.source : segment.destination,
                       forwards ? segment.destination : segment.source};
  if (conversation.seen_from_start) {
    conversation.states[index_of(Side::left)] = TcpState::closed;
  } else if (segment.has(kSyn)) {
    conversation.states[index_of(Side::left)] = TcpState::syn_sent;
    flow.half(Side::left).has_sent_syn = true;
  } else {
    for (const Side side : {Side::left, Side::right}) {
      const auto known = known_.extract({conversation.end(side), conversation.end(other(side))});
      const TcpState state = known ? known.mapped() : TcpState::established;
      conversation.states[index_of(side)] = state;
      conversation.states_passed |= bit_of(state);
    }
  }
  return &flows_.insert_or_assign(key, std::move(flow)).first->second;
}

// The quarter that matters least goes: what is over, then what was silent longest.
void Conversations::make_room() {
  std::vector<Flows::iterator> order;
  for (auto at = flows_.begin(); at != flows_.end(); ++at) order.push_back(at);
  const auto quarter = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 4 + 1);
  const auto worth = [](const Flows::iterator& at) {
    const Conversation& conversation = at->second.conversation;
    return std::pair{conversation.ending == Ending::open, conversation.last_ns};
  };
  std::ranges::partial_sort(order, std::min(quarter, order.end()), {}, worth);
  for (auto at = order.begin(); at != std::min(quarter, order.end()); ++at) {
    if ((*at)->second.conversation.ending == Ending::open) end((*at)->second, Ending::forgotten);
    flows_.erase(*at);
  }
}

// One packet is seen on each interface that it passes: a bridge and its port, a VLAN and its link.
// Something new is taken from wherever it comes first.
bool Conversations::is_copy(Half& sender, const Segment& segment, std::int64_t sequence) {
  if (sender.interface == segment.interface) return false;
  const bool is_new = sender.interface == 0 || sequence + segment.space() > sender.next;
  if (is_new) sender.interface = segment.interface;
  return !is_new;
}

void Conversations::look_for_end(Flow& flow, const Rung& rung) {
  Conversation& conversation = flow.conversation;
  if (conversation.ending != Ending::open) return;
  const auto is_over = [](const std::optional<TcpState>& state) {
    return state == TcpState::closed || state == TcpState::time_wait;
  };
  if (!std::ranges::all_of(conversation.states, is_over)) return;
  if (!rung.has(kRst)) return end(flow, Ending::closed);
  const bool answered = flow.half(Side::right).has_sent_syn || !conversation.seen_from_start;
  end(flow, answered ? Ending::reset : Ending::refused);
}

void Conversations::end(Flow& flow, Ending how) {
  flow.conversation.ending = how;
  observer_.on_end(flow.conversation);
}

}  // namespace headrace::tcp_state
