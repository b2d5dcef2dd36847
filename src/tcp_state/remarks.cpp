// SPDX-License-Identifier: MIT
//
// What is to be said about a segment, from what its sender and its receiver sent before: sent
// again, out of order, late, a window that closes.
#include <algorithm>

#include "tcp_state/conversations.hpp"

namespace headrace::tcp_state {

namespace {

// Linux delays an acknowledgement by 40 ms at least. What takes no longer than the handshake did,
// and a little, is the way there and back.
constexpr std::int64_t kNoDelayNs = 20'000'000;

}  // namespace

void Conversations::remark(Flow& flow, Rung& rung, const Segment& segment) {
  if (rung.has(kRst)) return;
  Half& sender = flow.half(rung.from);
  const Half& receiver = flow.half(other(rung.from));
  const std::int64_t end = rung.sequence + segment.space();
  const bool is_probe = !rung.has(kSyn) && !rung.has(kFin) && rung.length <= 1 &&
                        rung.sequence == sender.next - 1 && sender.next >= 1 &&
                        (rung.length == 0 || sender.waiting_since_ns == 0);
  if (is_probe) {
    rung.remarks |= receiver.window == 0 ? kWindowProbe : kKeepAlive;
  } else if (end > rung.sequence && rung.sequence < sender.next) {
    remark_old_bytes(sender, rung, end);
  } else if (rung.sequence > sender.next) {
    rung.remarks |= kGap;
    sender.gap_from = sender.next;
    sender.gap_to = rung.sequence;
  }
  if (rung.has(kAck)) remark_acknowledgement(flow, rung, segment);
  if (!rung.has(kSyn)) {
    if (segment.window == 0) rung.remarks |= kWindowClosed;
    if (segment.window != 0 && sender.window == 0) rung.remarks |= kWindowOpened;
  }
  sender.window = segment.window;
  note_sent(sender, rung, end);
}

void Conversations::remark_old_bytes(Half& sender, Rung& rung, std::int64_t end) noexcept {
  const bool fills_gap = rung.sequence >= sender.gap_from && end <= sender.gap_to;
  rung.remarks |= fills_gap ? kOutOfOrder : kRetransmission;
  if (!fills_gap) return;
  if (rung.sequence == sender.gap_from)
    sender.gap_from = end;
  else
    sender.gap_to = rung.sequence;
}

void Conversations::remark_acknowledgement(Flow& flow, Rung& rung, const Segment& segment) {
  Half& sender = flow.half(rung.from);
  Half& receiver = flow.half(other(rung.from));
  const bool is_pure = rung.length == 0 && (rung.bits & (kSyn | kFin)) == 0;
  if (rung.acknowledgement > sender.acknowledged) {
    const bool is_first = sender.acknowledged == 0 && receiver.syn_sent_ns != 0;
    if (is_first) sender.answers_within_ns = rung.time_ns - receiver.syn_sent_ns;
    const std::int64_t waited = rung.time_ns - receiver.waiting_since_ns;
    if (is_pure && receiver.waiting_since_ns != 0 &&
        waited > sender.answers_within_ns + kNoDelayNs) {
      rung.remarks |= kDelayedAck;
      rung.answered_after_ns = waited;
    }
    receiver.waiting_since_ns = rung.acknowledgement >= receiver.next ? 0 : rung.time_ns;
    sender.acknowledged = rung.acknowledgement;
  } else if (is_pure && rung.acknowledgement == sender.acknowledged &&
             receiver.next > rung.acknowledgement && sender.window == segment.window &&
             (rung.remarks & (kKeepAlive | kWindowProbe)) == 0) {
    rung.remarks |= kRepeatedAck;
  }
}

void Conversations::note_sent(Half& sender, const Rung& rung, std::int64_t end) noexcept {
  if (rung.has(kSyn)) {
    sender.has_sent_syn = true;
    sender.syn_sent_ns = rung.time_ns;
  }
  if (rung.has(kFin)) {
    sender.has_sent_fin = true;
    sender.fin_at = end - 1;
  }
  if (rung.length > 0 && end > sender.next && sender.waiting_since_ns == 0)
    sender.waiting_since_ns = rung.time_ns;
  sender.next = std::max(sender.next, end);
}

}  // namespace headrace::tcp_state
