// SPDX-License-Identifier: MIT
//
// Demos of a connection's life: how it opens, how it closes, how it is cut, and what becomes of it
// when one side has forgotten it.
#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "watch/demos.hpp"

namespace headrace::watch {

using namespace tcp_state;
using enum TcpState;

namespace {

constexpr auto kServer = Laboratory::kServerPort;
constexpr auto kClient = Laboratory::kClientPort;

std::optional<TcpSocket> listener(Laboratory& lab) {
  constexpr std::array<std::uint8_t, 4> kAnyHost{};
  return lab.find(local_end(kServer), {.host = ipv4_host(kAnyHost), .port = 0});
}

}  // namespace

Pair make_pair_in(Laboratory& lab, std::uint16_t client_port, std::uint16_t server_port,
                  Laboratory::Reuse reuse) {
  Pair pair;
  pair.listening = lab.listen_on(server_port, 8, reuse);
  pair.client = lab.connect_from(client_port, server_port);
  pair.server = lab.accept_from(pair.listening);
  return pair;
}

void demo_handshake(Laboratory& lab) {
  lab.say("A server calls listen(): a socket in LISTEN, which waits for others to begin.");
  const net::Socket listening = lab.listen_on(kServer, 8);
  lab.claim(listener(lab) && listener(lab)->state == listen, "127.0.0.1:7788 is in LISTEN");
  lab.say(
      "A client calls connect(). Three segments: each side says where it begins to count (SYN, "
      "which counts as one) and acknowledges the other's number (ACK). RFC 9293, 3.5.");
  const net::Socket client = lab.connect_from(kClient);
  lab.check_both(kClient, established, established);
  lab.say(
      "Both are ESTABLISHED, and the server's program has not called accept() yet: the kernel "
      "shakes hands alone. The connection waits in the listener's accept queue.");
  auto waiting = listener(lab);
  lab.claim(waiting && waiting->receive_queue == 1,
            fmt::format("the accept queue holds {}", waiting ? waiting->receive_queue : 0));
  const net::Socket server = lab.accept_from(listening);
  lab.say("After accept() it is empty. Nothing is sent for that.");
  waiting = listener(lab);
  lab.claim(waiting && waiting->receive_queue == 0, "the accept queue holds 0");
  lab.say("Now either may send.");
  lab.send(client, "hello");
  lab.see("an acknowledgement of the data", bare_ack(Side::right));
  lab.claim(lab.receive(server) == 5, "recv() of the server returns 5 bytes");
}

void demo_close(Laboratory& lab) {
  const Pair pair = make_pair_in(lab, kClient);
  lab.say(
      "The client has nothing more to send: close(), here shutdown(SHUT_WR). That is FIN, and "
      "says so for one direction only. RFC 9293, 3.6.");
  lab.shutdown_send(pair.client);
  lab.see("an acknowledgement of FIN", enters(Side::left, fin_wait_2));
  lab.check_both(kClient, fin_wait_2, close_wait);
  lab.say(
      "The server's recv() returns 0: end of stream. The server may still send, as long as it "
      "likes: it is half-closed. A server that forgets to close stays in CLOSE-WAIT for ever.");
  lab.claim(lab.receive(pair.server) == 0, "recv() of the server returns 0");
  lab.send(pair.server, "one more thing");
  lab.claim(lab.receive(pair.client) == 14, "the client still receives 14 bytes");
  lab.say("Now the server closes too. LAST-ACK lasts as long as its FIN is not acknowledged.");
  lab.shutdown_send(pair.server);
  lab.see("the last acknowledgement", enters(Side::right, closed));
  lab.check_both(kClient, time_wait, std::nullopt);
  lab.say(
      "Who closed first waits: the client is in TIME-WAIT for 60 s on Linux (2 MSL), the server "
      "is free. See 'headrace watch --demo time-wait' for why.");
}

void demo_reset(Laboratory& lab) {
  lab.say("First: nobody listens. The kernel answers the SYN with RST: connection refused.");
  {
    const net::Socket client = lab.client_at(kClient);
    lab.see("RST", from(Side::right, kRst));
    const ssize_t result = lab.receive(client);
    lab.claim(result == -ECONNREFUSED, "connect() of the client fails with ECONNREFUSED");
  }
  lab.say(
      "Second: a program that closes without having read what came. FIN would claim that all "
      "was received, so the kernel sends RST (RFC 2525, 2.17).");
  {
    Pair pair = make_pair_in(lab, kClient + 1);
    lab.send(pair.client, "never read");
    lab.see("an acknowledgement of the data", bare_ack(Side::right));
    pair.server = {};
    lab.see("RST", from(Side::right, kRst));
    lab.check_both(kClient + 1, std::nullopt, std::nullopt);
    lab.claim(lab.receive(pair.client) == -ECONNRESET, "recv() of the client fails: ECONNRESET");
  }
  lab.say(
      "Third: an abort on purpose, close() with SO_LINGER of 0 s. Nobody waits in TIME-WAIT, and "
      "what was under way is lost: that is the price.");
  Pair pair = make_pair_in(lab, kClient + 2);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(pair.client.descriptor(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  pair.client = {};
  lab.see("RST", from(Side::left, kRst));
  lab.check_both(kClient + 2, std::nullopt, std::nullopt);
}

void demo_half_open(Laboratory& lab) {
  Pair pair = make_pair_in(lab, kClient);
  lab.say(
      "Now the server's machine loses power. (Here: its socket is taken out of the kernel without "
      "a segment, by TCP_REPAIR of tcp(7).) Nobody tells the client.");
  const int on = 1;
  if (::setsockopt(pair.server.descriptor(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) != 0)
    throw DemoFailed{"this kernel has no TCP_REPAIR, or does not allow it"};
  pair.server = {};
  lab.check_both(kClient, established, std::nullopt);
  lab.say(
      "The connection is half-open (RFC 9293, 3.5.1, figure 10). The client would wait for ever in "
      "recv(): "
      "an idle connection sends nothing. Only who sends finds out: a deadline in the program, "
      "or keep-alives (SO_KEEPALIVE: after two hours by default).");
  lab.send(pair.client, "are you there?");
  lab.see("RST", from(Side::right, kRst));
  lab.claim(lab.receive(pair.client) == -ECONNRESET, "recv() of the client fails: ECONNRESET");
  lab.check_both(kClient, std::nullopt, std::nullopt);
}

void demo_backlog(Laboratory& lab) {
  lab.say(
      "listen() with a backlog of 1: Linux lets backlog + 1 finished connections wait for "
      "accept(), here 2. Half-open ones are not counted, whatever books say.");
  const net::Socket listening = lab.listen_on(kServer, 1);
  const net::Socket first = lab.connect_from(kClient), second = lab.connect_from(kClient + 1);
  const auto queue = listener(lab);
  lab.claim(queue && queue->receive_queue == 2, "the accept queue holds 2, and is full");
  lab.say(
      "A third client. Its SYN is thrown away without a word, as if lost: no RST, and the server "
      "has no row for it. The client asks again after 1 s, and then less and less often.");
  const net::Socket third = lab.client_at(kClient + 2);
  lab.see("SYN again", again(Side::left, kSyn));
  lab.check_both(kClient + 2, syn_sent, std::nullopt);
  const auto full = listener(lab);
  lab.claim(full && full->drops.value_or(0) > 0,
            fmt::format("the listener has thrown away {}", full ? full->drops.value_or(0) : 0));
  lab.say(
      "The server calls accept() once: there is room for one. The client's next SYN is answered. "
      "It cost the client seconds: what a short backlog looks like from outside.");
  const net::Socket server = lab.accept_from(listening);
  lab.see("an answer", enters(Side::right, established));
  lab.check_both(kClient + 2, established, established);
}

}  // namespace headrace::watch
