// SPDX-License-Identifier: MIT
//
// What a segment proves about the states of both sides (RFC 9293, 3.10.7).
//
// A side that receives something is only known to have done so when it answers: SYN, SYN+ACK and
// FIN take effect with the answer. An acknowledgement is not answered; it takes effect at once, and
// when what it acknowledged is sent again, it did not arrive and the effect is taken back.
#include "tcp_state/conversations.hpp"

namespace headrace::tcp_state {

using enum TcpState;

void Conversations::enter(Flow& flow, Side side, TcpState state, Rung& rung, bool correction) {
  auto& now = flow.conversation.states[index_of(side)];
  if (now == state) return;
  StateChange change{.side = side, .from = now, .to = state, .correction = correction};
  if (!now && state == syn_received) change.from = listen;  // who answers a SYN was listening
  change.legal = correction || !change.from || is_legal(*change.from, state);
  now = state;
  flow.conversation.states_passed |= static_cast<std::uint16_t>(1U << static_cast<unsigned>(state));
  rung.add(change);
}

// The side has received the other's FIN.
void Conversations::take_fin(Flow& flow, Side side, Rung& rung) {
  Half& half = flow.half(side);
  if (half.has_taken_fin) return;
  half.has_taken_fin = true;
  const auto& state = flow.conversation.state(side);
  if (state == established || state == syn_received) enter(flow, side, close_wait, rung);
  if (state == fin_wait_1) enter(flow, side, closing, rung);
  if (state == fin_wait_2) enter(flow, side, time_wait, rung);
}

// The sender, by what it sends and what that shows to have arrived there.
void Conversations::leave(Flow& flow, Rung& rung) {
  const Side from = rung.from;
  const Half& receiver = flow.half(other(from));
  const auto& state = flow.conversation.state(from);
  if (rung.has(kRst)) return enter(flow, from, closed, rung);
  if ((rung.remarks & kRetransmission) != 0) take_back(flow, rung);
  if (rung.has(kSyn)) {
    if ((rung.remarks & kRetransmission) == 0)
      enter(flow, from, rung.has(kAck) ? syn_received : syn_sent, rung);
    return;
  }
  if (rung.has(kAck)) {
    if (state == syn_sent && rung.acknowledgement >= 1) enter(flow, from, established, rung);
    if (receiver.has_sent_fin && rung.acknowledgement > receiver.fin_at) take_fin(flow, from, rung);
  }
  if (!rung.has(kFin) || (rung.remarks & kRetransmission) != 0) return;
  if (state == established || state == syn_received) enter(flow, from, fin_wait_1, rung);
  if (state == close_wait) enter(flow, from, last_ack, rung);
}

// The receiver, by what takes effect without an answer.
void Conversations::arrive(Flow& flow, Rung& rung) {
  const Side to = other(rung.from);
  Half& receiver = flow.half(to);
  const auto& state = flow.conversation.state(to);
  if (rung.has(kRst)) {
    if (state && state != listen) enter(flow, to, closed, rung);
    return;
  }
  if (!rung.has(kAck)) return;
  if (state == syn_received && rung.acknowledgement >= 1) enter(flow, to, established, rung);
  if (!receiver.has_sent_fin || receiver.fin_acknowledged ||
      rung.acknowledgement <= receiver.fin_at)
    return;
  receiver.fin_acknowledged = true;
  // Both FINs crossed: what comes after the other side's FIN finds that FIN taken.
  if (flow.half(rung.from).has_sent_fin && !rung.has(kFin)) take_fin(flow, to, rung);
  if (state == last_ack) enter(flow, to, closed, rung);
  if (state == closing) enter(flow, to, time_wait, rung);
  if (state == fin_wait_1) enter(flow, to, fin_wait_2, rung);
}

// The sender sends something again: so it has not seen the acknowledgement that passed us.
void Conversations::take_back(Flow& flow, Rung& rung) {
  const Side from = rung.from;
  Half& sender = flow.half(from);
  const auto& state = flow.conversation.state(from);
  if (rung.has(kSyn) && rung.has(kAck) && state == established)
    enter(flow, from, syn_received, rung, true);
  if (!rung.has(kFin) || flow.conversation.ending == Ending::reset) return;
  if (sender.fin_acknowledged) {
    sender.fin_acknowledged = false;
    if (state == closed) enter(flow, from, last_ack, rung, true);
    if (state == time_wait) enter(flow, from, closing, rung, true);
    if (state == fin_wait_2) enter(flow, from, fin_wait_1, rung, true);
  }
  // The other side was taken to have this FIN, which it never acknowledged.
  const Side to = other(from);
  Half& receiver = flow.half(to);
  if (!receiver.has_taken_fin || receiver.acknowledged > sender.fin_at) return;
  receiver.has_taken_fin = false;
  if (flow.conversation.state(to) == time_wait) enter(flow, to, fin_wait_2, rung, true);
  if (flow.conversation.state(to) == closing) enter(flow, to, fin_wait_1, rung, true);
}

}  // namespace headrace::tcp_state
