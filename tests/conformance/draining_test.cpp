// SPDX-License-Identifier: MIT
//
// A server that is told to stop: what it has received is answered, nobody loses a byte, and it ends
// in time.
#include <chrono>
#include <csignal>
#include <deque>
#include <thread>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReply =
    16'000'000;  // more than the kernel takes for a peer that does not read

/// Answers the first message at length, then listens on.
Task<> reply_at_length(Stream peer) {
  const std::string reply = bytes_of_size(kReply);
  if (!co_await peer.receive() || !co_await peer.send(bytes_of(reply))) co_return;
  while (co_await peer.receive()) {
  }
}

/// Never ends of itself.
Task<> send_for_ever(Stream peer) {
  const std::string bytes = bytes_of_size(1_MiB);
  while (co_await peer.send(bytes_of(bytes))) {
  }
}

void wait_for_draining(const Server& server) {
  wait_until("the server drains", [&] { return server.report().draining == 1; });
}

CONFORMANCE(
    "an idle client gets FIN when the server is told to stop, and the server ends with status 0") {
  for (const int signal : {SIGTERM, SIGINT}) {
    Server server{model};
    Client client{server.address()};
    EXPECT_EQ(client.echo("hello"), "hello");
    server.signal(signal);
    EXPECT_EQ(client.receive_until_end(), "");
    client.close();
    EXPECT_EQ(server.wait_for_exit(), 0);
    EXPECT_EQ(server.report().total.cut, 0U);
    EXPECT_EQ(server.report().total.open, 0U);
    EXPECT_EQ(server.report().draining, 1);
  }
}

CONFORMANCE("a server without clients ends at once") {
  Server server{model, {.options = {.drain = 1h}}};
  (void)server.stop();
}

CONFORMANCE("everything received before the stop is answered") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(60'000);
  EXPECT_EQ(client.echo("I am in"), "I am in");
  server.freeze();
  client.send(bytes);  // in the kernel when the signal comes
  client.wait_until_delivered();
  server.signal(SIGTERM);
  server.thaw();
  EXPECT_TRUE(same(client.receive_until_end(), bytes));
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
}

CONFORMANCE(
    "a long reply that the client does not read yet arrives whole after the stop, then FIN") {
  Server server{model, {.service = reply_at_length}};
  Client client{server.address(), {.kernel_buffers = 16384}};
  client.send("?");
  std::string reply = client.receive(1);  // it has begun
  server.signal(SIGTERM);
  wait_for_draining(server);
  reply += client.receive_until_end();
  EXPECT_TRUE(same(reply, bytes_of_size(kReply)));
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
  EXPECT_EQ(server.report().total.bytes_sent, kReply);
}

// What it says after our FIN is unread when its connection is closed, and that would be a RST that
// destroys the reply.
CONFORMANCE("a client that goes on talking while the server drains still gets its whole reply") {
  Server server{model, {.service = reply_at_length}};
  Client client{server.address(), {.kernel_buffers = 16384}};
  client.send("?");
  std::string reply = client.receive(1);
  server.signal(SIGTERM);
  wait_for_draining(server);
  for (std::string piece = "."; !piece.empty();) {
    (void)client.send_some("and another thing: ");
    piece = client.receive_some();
    reply += piece;
  }
  EXPECT_TRUE(same(reply, bytes_of_size(kReply)));
  client.send("goodbye");  // after its FIN: no RST for this either
  client.shutdown_send();
  client.wait_until_delivered();
  EXPECT_EQ(client.receive_until_end(), "");
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
}

CONFORMANCE("an echo in full flow is answered up to what was read, then FIN, and never reset") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(64_MiB);
  const std::size_t sent = client.send_until_stuck(bytes);
  server.signal(SIGTERM);
  wait_for_draining(server);
  const std::string back = client.receive_until_end();
  EXPECT_LE(back.size(), sent);
  EXPECT_TRUE(same(back, std::string_view{bytes}.substr(0, back.size())));
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.bytes_sent, back.size());
  EXPECT_GE(server.report().total.bytes_received, back.size());
}

CONFORMANCE("clients still in the queue at the stop are served",
            several_at_once("iterative refuses them")) {
  Server server{model};
  server.freeze();
  std::deque<Client> clients;
  for (int left = 50; left != 0; --left) clients.emplace_back(server.address()).send("am I late?");
  for (Client& client : clients) client.wait_until_delivered();
  server.signal(SIGTERM);
  server.thaw();
  for (Client& client : clients) {
    EXPECT_EQ(client.receive_until_end(), "am I late?");
    if (clients_hold_workers(model)) client.close();  // or the 33rd waits for it
  }
  clients.clear();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.connections, 50U);
  EXPECT_EQ(server.report().total.refused, 0U);
  EXPECT_EQ(server.report().total.reset, 0U);
}

CONFORMANCE("those in the queue at the stop are refused and counted",
            iterative_only("the others serve them")) {
  Server server{model};
  Client served{server.address()};
  EXPECT_EQ(served.echo("hello"), "hello");
  std::deque<Client> waiting;
  for (int left = 7; left != 0; --left) waiting.emplace_back(server.address());
  server.signal(SIGTERM);
  EXPECT_EQ(served.receive_until_end(), "");
  served.close();
  for (Client& client : waiting) client.receive_to_any_end();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.refused, 7U);
  EXPECT_EQ(server.report().refused[static_cast<std::size_t>(Refusal::draining)], 7);
  EXPECT_EQ(server.report().total.connections, 1U);
}

CONFORMANCE("nobody is let in once the server drains") {
  Server server{model, {.service = send_for_ever, .options = {.drain = 1h}}};
  Client client{server.address()};
  (void)client.receive(1);
  server.signal(SIGTERM);
  wait_for_draining(server);
  const Address address = server.address();
  wait_until("the listener is closed", [&] { return !is_listening(address); });
  server.signal(SIGTERM);  // enough
  EXPECT_EQ(server.wait_for_exit(), 0);
}

CONFORMANCE("what does not end within the drain is cut and counted, with status 0") {
  Server server{model, {.service = send_for_ever, .options = {.drain = 300ms}}};
  Client client{server.address()};
  (void)client.receive(1);
  const auto began = Clock::now();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_GE(Clock::now() - began, 300ms);
  EXPECT_LT(Clock::now() - began, patience() / 2);
  EXPECT_EQ(server.report().total.cut, 1U);
  EXPECT_EQ(server.report().departed[static_cast<std::size_t>(Departure::cut)], 1);
  EXPECT_EQ(server.report().total.open, 0U);
}

CONFORMANCE("a client that does not answer our FIN holds the server no longer than the drain") {
  Server server{model, {.options = {.drain = 300ms}}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  server.signal(SIGTERM);
  EXPECT_EQ(client.receive_until_end(), "");  // and it keeps its side open
  EXPECT_EQ(server.wait_for_exit(), 0);
}

/// Sends as fast as it can until the other side has gone.
void flood(const Client& client) {
  const std::string bytes = bytes_of_size(256_KiB);
  while (::send(client.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
  }
}

// A receive that always has bytes is never interrupted by a signal.
CONFORMANCE("a client that never stops sending does not keep the server from stopping") {
  Server server{model, {.service = services::discard, .options = {.drain = 100ms}}};
  Client client{server.address()};
  std::thread one{[&] { flood(client); }};
  std::thread other{[&] { flood(client); }};
  wait_until("it is served", [&] { return server.report().arrived == 1; });
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_exit(), 0);
  one.join();
  other.join();
}

CONFORMANCE("a second signal ends the drain at once") {
  Server server{model, {.service = send_for_ever, .options = {.drain = 1h}}};
  Client client{server.address()};
  (void)client.receive(1);
  server.signal(SIGTERM);
  wait_for_draining(server);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 1U);
}

CONFORMANCE("a second signal also ends the wait for a client's FIN") {
  Server server{model, {.options = {.drain = 1h}}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  server.signal(SIGTERM);
  EXPECT_EQ(client.receive_until_end(), "");
  server.signal(SIGINT);
  EXPECT_EQ(server.wait_for_exit(), 0);
}

CONFORMANCE("many clients in full flow all get a clean end", several_at_once("many")) {
  Server server{model};
  std::deque<Client> clients;
  const std::string bytes = bytes_of_size(20'000);
  for (int left = 100; left != 0; --left) clients.emplace_back(server.address()).send(bytes);
  for (Client& client : clients) client.wait_until_delivered();
  server.signal(SIGTERM);
  for (Client& client : clients) {
    EXPECT_TRUE(same(client.receive_until_end(), bytes));
    if (clients_hold_workers(model)) client.close();  // or the 33rd waits for it
  }
  clients.clear();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
  EXPECT_EQ(server.report().total.bytes_sent, 100 * bytes.size());
}

constexpr std::size_t kEnough = 0;  // a fact: the test has seen enough

/// Another thread stops it when the test has seen enough.
int serve_with_stopper(const Service& service, const ServeOptions& given) {
  Stopper stopper;
  ServeOptions options = given;
  options.stopper = &stopper;
  options.handle_signals = false;
  std::thread other{[&stopper] {
    wait_until("the test has seen enough", [] { return own_report().facts[kEnough] == 1; });
    stopper.stop();
  }};
  const int status = serve(service, options);
  other.join();
  return status;
}

CONFORMANCE("a Stopper on another thread stops the server as a signal does") {
  Server server{model, {.run = serve_with_stopper}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  server.report().facts[kEnough] = 1;
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
  EXPECT_EQ(server.report().total.connections, 1U);
}

int serve_stopped(const Service& service, const ServeOptions& given) {
  Stopper stopper;
  stopper.stop();
  ServeOptions options = given;
  options.stopper = &stopper;
  return serve(service, options);
}

CONFORMANCE("a Stopper may have stopped the server before it began") {
  Server server{model, {.run = serve_stopped}};
  EXPECT_EQ(server.wait_for_exit(), 0);
}

}  // namespace
}  // namespace headrace::conformance
