// SPDX-License-Identifier: MIT
//
// How connections end, in every way a peer can think of, and that it concerns nobody else.
#include <deque>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/task_scope.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

CONFORMANCE("a client that half-closes still gets its whole echo, then FIN") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(300'000);
  client.send(bytes);
  client.shutdown_send();
  EXPECT_TRUE(same(client.receive_until_end(), bytes));
  const Statistics total = server.stop();
  EXPECT_EQ(total.bytes_received, bytes.size());
  EXPECT_EQ(total.bytes_sent, bytes.size());
  EXPECT_EQ(total.reset, 0U);
}

CONFORMANCE("a client that half-closes before it is accepted still gets its whole echo") {
  Server server{model};
  server.freeze();
  Client client{server.address()};
  client.send("said and done");
  client.shutdown_send();
  client.wait_until_delivered();
  server.thaw();
  EXPECT_EQ(client.receive_until_end(), "said and done");
}

CONFORMANCE("a client that says nothing and leaves is no trouble") {
  Server server{model};
  for (int left = 100; left != 0; --left) {
    Client client{server.address()};
  }
  Client client{server.address()};
  EXPECT_EQ(client.echo("still there?"), "still there?");
  client.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 101U);
  EXPECT_EQ(total.reset, 0U);
}

/// Sends a lot, reads a little, and goes: by RST, or by close with bytes unread, which is RST too.
void leave_in_the_middle(const Server& server, void (Client::*leave)()) {
  Client client{server.address()};
  const std::string bytes = bytes_of_size(2_MiB);
  (void)client.send_some(bytes);
  (void)client.receive(1000);
  (client.*leave)();
}

CONFORMANCE("resets in the middle disturb nobody who is there, and are counted",
            several_at_once("two at once")) {
  Server server{model};
  Client steady{server.address()};
  const std::string bytes = bytes_of_size(20'000);
  const unsigned rounds = amount(50, 1000);
  for (unsigned round = 0; round < rounds; ++round) {
    leave_in_the_middle(server, round % 2 == 0 ? &Client::reset : &Client::close);
    ASSERT_TRUE(same(steady.echo(bytes), bytes)) << "round " << round;
  }
  wait_until("all who left are gone", [&] { return server.report().departures() == rounds; });
  steady.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, rounds + 1);
  EXPECT_EQ(total.reset, rounds);
}

CONFORMANCE("after one that resets the next is served") {
  Server server{model};
  const std::string bytes = bytes_of_size(20'000);
  for (unsigned round = 0; round < amount(20, 500); ++round) {
    leave_in_the_middle(server, round % 2 == 0 ? &Client::reset : &Client::close);
    Client next{server.address()};
    ASSERT_TRUE(same(next.echo(bytes), bytes)) << "round " << round;
  }
}

CONFORMANCE("clients that reset before they are accepted are no trouble") {
  Server server{model};
  server.freeze();
  for (int left = 20; left != 0; --left) {
    Client client{server.address()};
    client.send("nobody will hear this");
    client.reset();
  }
  Client client{server.address()};
  client.send("but this");
  server.thaw();
  EXPECT_EQ(client.receive(8), "but this");
  client.close();
  EXPECT_EQ(server.stop().connections, 21U);
}

CONFORMANCE("one that resets while the server waits to send to it ends only itself",
            several_at_once("two at once")) {
  Server server{model};
  Client steady{server.address()};
  const std::string bytes = bytes_of_size(64_MiB);
  Client stuck{server.address()};
  (void)stuck.send_until_stuck(bytes);
  EXPECT_EQ(steady.echo("meanwhile"), "meanwhile");
  stuck.reset();
  wait_until("it has left", [&] { return server.report().departures() == 1; });
  EXPECT_EQ(steady.echo("afterwards"), "afterwards");
  steady.close();
  EXPECT_EQ(server.stop().reset, 1U);
}

CONFORMANCE("the port can be bound again at once after the server closed first") {
  std::string port;
  for (int round = 0; round < 3; ++round) {
    const std::string listen = "tcp://127.0.0.1:" + (round == 0 ? "0" : port);
    Server server{model, {.listen = {listen}}};
    port = std::to_string(server.address().port());
    Client client{server.address()};
    EXPECT_EQ(client.echo("hello"), "hello");
    server.signal(SIGTERM);
    EXPECT_EQ(client.receive_until_end(), "");  // its FIN is the first: TIME_WAIT is on its side
    client.close();
    EXPECT_EQ(server.wait_for_exit(), 0);
  }
}

CONFORMANCE("a second server at the same port fails, and the first goes on") {
  Server server{model};
  const std::string listen = "tcp://127.0.0.1:" + std::to_string(server.address().port());
  const FailedStart second = start_that_fails(model, listen, Workers::by_model());
  EXPECT_EQ(second.status, 1);
  EXPECT_EQ(second.why, Errc::address_in_use);
  Client client{server.address()};
  EXPECT_EQ(client.echo("mine"), "mine");
}

CONFORMANCE("a second server fails also where both have two workers",
            event_loops("others have no workers")) {
  Server server{model, {.options = {.workers = 2}}};
  const std::string listen = "tcp://127.0.0.1:" + std::to_string(server.address().port());
  const FailedStart second = start_that_fails(model, listen, 2);
  EXPECT_EQ(second.status, 1);
  EXPECT_EQ(second.why, Errc::address_in_use);
  for (int left = 20; left != 0; --left) EXPECT_EQ(Client{server.address()}.echo("mine"), "mine");
}

// What connections can do to each other, on one loop: no other model lets them.
struct Neighbours {
  std::map<std::uint64_t, Stream> parked{};      // streams that nobody waits on
  std::map<std::uint64_t, TaskScope*> scopes{};  // of connections that wait
};

std::uint64_t number_in(std::string_view text) { return std::stoull(std::string{text}); }

Task<Result<>> send_text(Stream& peer, std::string text) {
  co_return co_await peer.send(bytes_of(text));
}

Task<> echo_to(Stream& peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

/// The first message says what it is: "park" answers its number and leaves its stream to the
/// others; "wait" answers its number and echoes; "kill" ends whomever it is told of, then answers
/// "done".
Task<> be_neighbour(Neighbours& all, Stream peer) {
  const auto role = co_await peer.receive();
  if (!role) co_return;
  const std::uint64_t id = peer.id();
  if (!co_await send_text(peer, std::to_string(id))) co_return;
  if (text_of(*role) == "park") {
    all.parked.emplace(id, std::move(peer));
  } else if (text_of(*role) == "wait") {
    TaskScope scope{peer.engine()};
    all.scopes.emplace(id, &scope);
    if (!scope.spawn(echo_to(peer))) co_return;
    co_await scope.join();
    all.scopes.erase(id);
  } else {
    while (const auto whom = co_await peer.receive()) {
      const std::uint64_t number = number_in(text_of(*whom));
      all.parked.erase(number);
      if (const auto found = all.scopes.find(number); found != all.scopes.end())
        found->second->cancel();
      if (!co_await send_text(peer, "done")) co_return;
    }
  }
}

enum class First : bool { killer, victim };

/// The killer's order, the victim's bytes and a new client's connection are told of in one batch of
/// events.
void end_a_neighbour(const ModelInfo& model, std::string_view role, First first) {
  Neighbours neighbours;
  Server server{model, {.service = {be_neighbour, neighbours}}};
  Client killer{server.address()};
  killer.send("kill");
  EXPECT_EQ(killer.receive(1), "1");
  for (unsigned round = 0; round < amount(30, 1000); ++round) {
    Client victim{server.address()};
    victim.send(role);
    const std::string number = victim.receive_some();
    server.freeze();
    if (first == First::victim) victim.send("something to read");
    killer.send(number);
    Client other{server.address()};
    other.send("wait");
    if (first == First::killer) victim.send("something to read");
    server.thaw();
    ASSERT_EQ(killer.receive(4), "done") << "round " << round;
    victim.receive_to_any_end();
    (void)other.receive_some();  // its number
    ASSERT_EQ(other.echo("and I?"), "and I?") << "round " << round;
  }
}

CONFORMANCE("a stream closed by another's task may be named later in the same batch",
            event_loops("one thread")) {
  end_a_neighbour(model, "park", First::killer);
}

CONFORMANCE("a stream closed by another's task may be named earlier in the same batch",
            event_loops("one thread")) {
  end_a_neighbour(model, "park", First::victim);
}

CONFORMANCE("a task cancelled by another may have its bytes later in the same batch",
            event_loops("one thread")) {
  end_a_neighbour(model, "wait", First::killer);
}

CONFORMANCE("a task cancelled by another may have had its bytes in the same batch",
            event_loops("one thread")) {
  end_a_neighbour(model, "wait", First::victim);
}

}  // namespace
}  // namespace headrace::conformance
