// SPDX-License-Identifier: MIT
//
// The demos of `headrace watch --demo`: each tells, does, shows and checks.
#pragma once

#include "watch/laboratory.hpp"

namespace headrace::watch {

void demo_handshake(Laboratory& lab);
void demo_close(Laboratory& lab);
void demo_time_wait(Laboratory& lab);
void demo_lost_last_ack(Laboratory& lab);
void demo_late_segment(Laboratory& lab);
void demo_simultaneous_close(Laboratory& lab);
void demo_reset(Laboratory& lab);
void demo_backlog(Laboratory& lab);
void demo_half_open(Laboratory& lab);
void demo_reuse_address(Laboratory& lab);

/// A connection between a client's and the server's socket.
struct Pair {
  net::Socket listening, client, server;
};
[[nodiscard]] Pair make_pair_in(Laboratory& lab, std::uint16_t client_port,
                                std::uint16_t server_port = Laboratory::kServerPort,
                                Laboratory::Reuse reuse = Laboratory::Reuse::no);

// What `see` waits for.
[[nodiscard]] inline Laboratory::IsIt from(tcp_state::Side side, std::uint8_t bits) {
  return [=](const tcp_state::Rung& rung) { return rung.from == side && rung.has(bits); };
}
[[nodiscard]] inline Laboratory::IsIt again(tcp_state::Side side, std::uint8_t bits) {
  return [=](const tcp_state::Rung& rung) {
    return rung.from == side && rung.has(bits) && (rung.remarks & tcp_state::kRetransmission) != 0;
  };
}
/// An acknowledgement by `side` and nothing more.
[[nodiscard]] inline Laboratory::IsIt bare_ack(tcp_state::Side side) {
  return [=](const tcp_state::Rung& rung) {
    return rung.from == side && rung.bits == tcp_state::kAck && rung.length == 0;
  };
}
[[nodiscard]] inline Laboratory::IsIt enters(tcp_state::Side side, TcpState state) {
  return [=](const tcp_state::Rung& rung) {
    for (const tcp_state::StateChange& change : rung.changes())
      if (change.side == side && change.to == state) return true;
    return false;
  };
}

}  // namespace headrace::watch
