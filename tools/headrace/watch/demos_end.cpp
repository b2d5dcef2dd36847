// SPDX-License-Identifier: MIT
//
// Demos of what comes at the end: TIME-WAIT, what it is for and what it costs.
#include <cerrno>
#include <chrono>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "watch/demos.hpp"

namespace headrace::watch {

using namespace std::chrono_literals;
using namespace tcp_state;
using enum TcpState;

namespace {

constexpr auto kServer = Laboratory::kServerPort;
constexpr auto kClient = Laboratory::kClientPort;

// The client closes, then the server: the client is left in TIME-WAIT.
void close_both(Laboratory& lab, const Pair& pair) {
  lab.shutdown_send(pair.client);
  lab.see("an acknowledgement of FIN", enters(Side::left, fin_wait_2));
  lab.shutdown_send(pair.server);
  lab.see("the last acknowledgement", enters(Side::left, time_wait));
}

std::chrono::milliseconds left_of_time_wait(Laboratory& lab) {
  const auto socket = lab.find(local_end(kClient), local_end(kServer));
  if (!socket || socket->state != time_wait) return 0ms;
  return socket->timer_remaining;
}

// 0 or the errno of bind().
int try_to_bind(std::uint16_t port, Laboratory::Reuse reuse) {
  const net::Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int on = reuse == Laboratory::Reuse::yes ? 1 : 0;
  (void)::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::bind(socket.descriptor(), generic, sizeof address) == 0 ? 0 : errno;
}

}  // namespace

void demo_time_wait(Laboratory& lab) {
  Pair pair = make_pair_in(lab, kClient);
  lab.say("The client closes first, then the server.");
  close_both(lab, pair);
  pair.client = {};
  pair.server = {};
  lab.say(
      "Both programs have closed their sockets, and still the kernel keeps one: the last ACK may "
      "be lost, and somebody must be there to answer when the FIN comes again. RFC 9293, 3.6, "
      "says 2 MSL, twice the longest life of a segment; Linux counts 60 s, always.");
  lab.check_both(kClient, time_wait, std::nullopt);
  const auto before = left_of_time_wait(lab);
  for (int second = 0; second < 3; ++second) {
    lab.pass_time(1s);
    lab.check(local_end(kClient), local_end(kServer), time_wait);
  }
  const auto after = left_of_time_wait(lab);
  lab.claim(after > 0ms && before - after >= 2500ms && before <= 60s,
            fmt::format("3 s have passed, the countdown went from {:.1f} s to {:.1f} s",
                        static_cast<double>(before.count()) / 1e3,
                        static_cast<double>(after.count()) / 1e3));
  lab.say(
      "Cut short: the rest is the same. TIME-WAIT costs a pair of ports for a minute and little "
      "memory. It falls to whoever closes first: let clients do it, and a busy server stays "
      "free of it.");
}

void demo_lost_last_ack(Laboratory& lab) {
  const Pair pair = make_pair_in(lab, kClient);
  lab.say(
      "The client closes first. Then the server closes; but the client's last ACK will be lost: "
      "it passes the wire here, and the server's socket is deaf (SO_ATTACH_FILTER).");
  lab.shutdown_send(pair.client);
  lab.see("an acknowledgement of FIN", enters(Side::left, fin_wait_2));
  Laboratory::keep_out(pair.server, Laboratory::But::nothing);
  lab.shutdown_send(pair.server);
  lab.see("the last acknowledgement", enters(Side::left, time_wait));
  lab.check_both(kClient, time_wait, last_ack);
  lab.say(
      "(The ladder believed that the ACK arrived. The kernel knows better.) The server cannot "
      "tell a lost ACK from a lost FIN, so after its retransmission time it sends the FIN "
      "again. Because the client is still in TIME-WAIT, it can answer:");
  lab.see("FIN again", again(Side::right, kFin));
  lab.see("ACK again", bare_ack(Side::left));
  lab.check_both(kClient, time_wait, last_ack);
  lab.say(
      "That ACK was lost as well. Now the server hears again; the next FIN is answered at last. "
      "Each FIN starts the client's 60 s anew.");
  lab.pass_time(100ms);
  const auto looked = std::chrono::steady_clock::now();
  const auto before = left_of_time_wait(lab);
  lab.forget();
  Laboratory::let_in(pair.server);
  lab.see("FIN again", again(Side::right, kFin));
  lab.see("ACK again", bare_ack(Side::left));
  lab.check_both(kClient, time_wait, std::nullopt);
  const auto after = left_of_time_wait(lab);
  // Its end is compared, not what is left: that shrinks while the scheduler holds us up. And by the
  // clock before the first look and behind the second, so that it is no earlier than it seems.
  const std::chrono::duration<double> later =
      (std::chrono::steady_clock::now() + after) - (looked + before);
  lab.claim(after > 0ms && later >= 100ms,
            fmt::format("the countdown was at {:.1f} s and began anew: its end is {:.1f} s later",
                        static_cast<double>(before.count()) / 1e3, later.count()));
  lab.say(
      "Without TIME-WAIT the client's kernel would have answered RST, and the server's close "
      "would have ended with an error. That is the first reason for 2 MSL.");
}

void demo_late_segment(Laboratory& lab) {
  // As RFC 1337 advises; Linux has it off.
  lab.set_sysctl("/proc/sys/net/ipv4/tcp_rfc1337", "1");
  Pair pair = make_pair_in(lab, kClient);
  lab.say("The server sends data; remember this segment.");
  lab.send(pair.server, "late");
  lab.see("an acknowledgement of the data", bare_ack(Side::left));
  const Segment late = lab.last_data();
  lab.claim(lab.receive(pair.client) == 4, "the client receives 4 bytes");
  lab.say("Both close, the client first.");
  close_both(lab, pair);
  pair.client = {};
  pair.server = {};
  lab.check_both(kClient, time_wait, std::nullopt);
  lab.say(
      "Now a copy of that segment arrives, which was long on its way. TIME-WAIT knows the old "
      "connection and sees that the numbers are past: the data is thrown away, an ACK says where "
      "we are. Had the ports been used again, a new connection might have taken it for its own: "
      "the second reason for 2 MSL. (The ACK meets nobody, so its kernel answers RST.)");
  lab.deliver(late, "late");
  lab.see("the late segment", again(Side::right, kAck));
  lab.see("an ACK from TIME-WAIT", bare_ack(Side::left));
  lab.see("RST", from(Side::right, kRst));
  lab.check_both(kClient, time_wait, std::nullopt);
  lab.say(
      "That RST did nothing, because net.ipv4.tcp_rfc1337 is 1 here (the ladder goes by the "
      "default, and was wrong). With Linux's default, 0, it kills TIME-WAIT, the hazard that RFC "
      "1337 is about:");
  lab.set_sysctl("/proc/sys/net/ipv4/tcp_rfc1337", "0");
  lab.deliver(late, "late");
  lab.see("RST", from(Side::right, kRst));
  lab.check_both(kClient, std::nullopt, std::nullopt);
}

void demo_simultaneous_close(Laboratory& lab) {
  const Pair pair = make_pair_in(lab, kClient);
  const TcpEndpoint client = local_end(kClient), server = local_end(kServer);
  lab.say(
      "Both close before either hears of it. From here on segments stay on the wire until they "
      "are let through; the ladder shows them as they arrive.");
  Laboratory::keep_out(pair.client, Laboratory::But::delivered);
  Laboratory::keep_out(pair.server, Laboratory::But::delivered);
  lab.hold();
  lab.shutdown_send(pair.client);
  lab.shutdown_send(pair.server);
  const Segment client_fin = lab.held(client, kFin | kAck),
                server_fin = lab.held(server, kFin | kAck);
  lab.check_both(kClient, fin_wait_1, fin_wait_1);
  lab.say(
      "Two FINs are under way. They cross and arrive: each side has sent a FIN that is not "
      "acknowledged, and got one: CLOSING. RFC 9293, 3.6, figure 13.");
  lab.deliver(client_fin);
  lab.see("the client's FIN", from(Side::left, kFin));
  lab.deliver(server_fin);
  lab.see("the server's FIN", from(Side::right, kFin));
  lab.check_both(kClient, closing, closing);
  lab.say("Each acknowledges the other's FIN, and both end in TIME-WAIT.");
  const Segment client_ack = lab.held(client, kAck), server_ack = lab.held(server, kAck);
  lab.deliver(client_ack);
  lab.deliver(server_ack);
  lab.see("the acknowledgements", enters(Side::left, time_wait));
  lab.check_both(kClient, time_wait, time_wait);
}

namespace {

// A server that closes first and ends, as one does that is restarted.
void restart_server(Laboratory& lab, std::uint16_t port, Laboratory::Reuse reuse) {
  const Pair pair = make_pair_in(lab, kClient, port, reuse);
  lab.shutdown_send(pair.server);
  lab.see("an acknowledgement of FIN", enters(Side::right, fin_wait_2));
  lab.shutdown_send(pair.client);
  lab.see("the last acknowledgement", enters(Side::right, time_wait));
}

void claim_bind(Laboratory& lab, std::uint16_t port, Laboratory::Reuse reuse, int expected) {
  const int error = try_to_bind(port, reuse);
  lab.claim(error == expected, fmt::format("bind() to {} {} SO_REUSEADDR: {}", port,
                                           reuse == Laboratory::Reuse::yes ? "with" : "without",
                                           error == 0 ? "works" : ::strerrordesc_np(error)));
}

}  // namespace

void demo_reuse_address(Laboratory& lab) {
  constexpr std::uint16_t kCareless = kServer + 1;
  using enum Laboratory::Reuse;
  lab.say("A server closes first and ends, as one does that is restarted.");
  restart_server(lab, kServer, yes);
  lab.check(local_end(kServer), local_end(kClient), time_wait);
  lab.say("It starts again: bind() to port 7788, which TIME-WAIT holds.");
  claim_bind(lab, kServer, no, EADDRINUSE);
  claim_bind(lab, kServer, yes, 0);
  lab.check(local_end(kServer), local_end(kClient), time_wait);
  lab.say(
      "TIME-WAIT is still there and does its work for the old pair of ports; new connections "
      "have another client port. So a server sets SO_REUSEADDR before bind(), as every "
      "'headrace serve' does. It does not let two servers share a port: that is SO_REUSEPORT.");
  lab.say(
      "Linux asks both sides: the socket that went before must have set it too. A server on port "
      "7789 that did not:");
  restart_server(lab, kCareless, no);
  lab.check(local_end(kCareless), local_end(kClient), time_wait);
  claim_bind(lab, kCareless, yes, EADDRINUSE);
}

}  // namespace headrace::watch
