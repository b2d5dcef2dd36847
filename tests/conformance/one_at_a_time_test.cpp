// SPDX-License-Identifier: MIT
//
// A service that can serve one client at a time (Concurrency::one) does so under every model: the
// next client waits in the backlog, not in the server.
#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

enum Fact : std::size_t { kServing, kTwoAtOnce };

/// Echoes, and counts how many do so at once.
Task<> echo_alone(Report& report, Stream peer) {
  if (++report.facts[kServing] != 1) ++report.facts[kTwoAtOnce];
  for (;;) {
    const auto bytes = co_await peer.receive();
    if (!bytes || !co_await peer.send(*bytes)) break;
  }
  --report.facts[kServing];
}

Service one_at_a_time() { return Service{services::echo}.serving(Concurrency::one); }

CONFORMANCE("with a service for one client at a time the next is accepted when the first leaves") {
  Server server{model, {.service = one_at_a_time()}};
  for (int round = 1; round <= 5; ++round) {
    Client first{server.address()};
    EXPECT_EQ(first.echo("first"), "first");
    Client second{server.address()};
    second.send("said early");
    for (int left = 20; left != 0; --left) ASSERT_EQ(first.echo("still first"), "still first");
    EXPECT_EQ(server.report().arrived, 2 * round - 1);
    first.close();
    EXPECT_EQ(second.receive(10), "said early");
    second.shutdown_send();
    EXPECT_EQ(second.receive_until_end(), "");
  }
}

CONFORMANCE("with a service for one client at a time no two are served at once, at two doors") {
  Server server{model,
                echo_alone,
                {.service = one_at_a_time(), .listen = {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"}}};
  std::deque<Client> clients;
  for (unsigned number = 0; number < amount(20, 200); ++number) {
    Client& client = clients.emplace_back(server.address(number % 2));
    client.send("question");
    client.shutdown_send();
  }
  for (Client& client : clients) EXPECT_EQ(client.receive_until_end(), "question");
  EXPECT_EQ(server.report().facts[kTwoAtOnce], 0);
}

}  // namespace
}  // namespace headrace::conformance
