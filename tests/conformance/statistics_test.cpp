// SPDX-License-Identifier: MIT
//
// What is counted is exact under every model, whoever counted it: threads, children, loops. The
// simple cases are in limits_test.cpp.
#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;

std::int64_t count_of(const Server& server, Departure how) {
  return server.report().departed[static_cast<std::size_t>(how)];
}

/// What number `index` says.
std::string words_of(std::size_t index) { return bytes_of_size(index * 137 % 5000 + 1, index); }

CONFORMANCE("statistics are exact with many at once, who finish, reset and stay",
            several_at_once("many")) {
  constexpr std::size_t kCrowd = 60;
  Server server{model, {.options = {.drain = 200ms}, .clients = kCrowd}};
  std::deque<Client> clients;
  std::size_t bytes = 0;
  for (std::size_t index = 0; index < kCrowd; ++index)
    clients.emplace_back(server.address()).send(words_of(index));
  for (std::size_t index = 0; index < kCrowd; ++index) {
    ASSERT_TRUE(same(clients[index].receive(words_of(index).size()), words_of(index)));
    bytes += words_of(index).size();
  }
  for (std::size_t index = 0; index < 20; ++index) clients[index].reset();
  for (std::size_t index = 20; index < 50; ++index) clients[index].close();
  wait_until("50 are gone", [&] { return server.report().departures() == 50; });
  EXPECT_EQ(count_of(server, Departure::reset), 20);
  EXPECT_EQ(count_of(server, Departure::finished), 30);
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, kCrowd);
  EXPECT_EQ(total.most_at_once, kCrowd);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(total.bytes_received, bytes);
  EXPECT_EQ(total.bytes_sent, bytes);
  EXPECT_GE(total.messages, kCrowd);
  EXPECT_EQ(total.reset, 20U);
  EXPECT_EQ(total.timed_out, 0U);
  EXPECT_EQ(total.refused, 0U);
  EXPECT_EQ(server.report().arrived, kCrowd);
  EXPECT_EQ(server.report().departures(), kCrowd);
}

CONFORMANCE("statistics are exact over hundreds that come while others stay",
            several_at_once("two at once")) {
  Server server{model};
  Client stays{server.address()};
  std::size_t bytes = 0;
  const unsigned count = amount(300, 3000);
  for (std::size_t index = 0; index < count; ++index) {
    Client passing{server.address()};
    ASSERT_TRUE(same(passing.echo(words_of(index)), words_of(index)));
    ASSERT_EQ(stays.echo("still here"), "still here");
    bytes += words_of(index).size() + 10;
  }
  wait_until("they are gone", [&] { return server.report().departures() == count; });
  stays.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, count + 1);
  EXPECT_EQ(total.bytes_received, bytes);
  EXPECT_EQ(total.bytes_sent, bytes);
  EXPECT_EQ(total.reset + total.timed_out + total.cut + total.refused, 0U);
  EXPECT_EQ(server.report().arrived, count + 1);
}

CONFORMANCE("what was received and could not be sent is counted as it was") {
  Server server{model};
  Client client{server.address(), {.kernel_buffers = 65536}};
  const std::string bytes = bytes_of_size(64_MiB);
  const std::size_t sent = client.send_until_stuck(bytes);
  const std::string some = client.receive(1000);
  client.reset();
  wait_until("it has left", [&] { return server.report().departures() == 1; });
  const Statistics total = server.stop();
  EXPECT_GE(total.bytes_received, total.bytes_sent);
  EXPECT_LE(total.bytes_received, sent);
  EXPECT_GE(total.bytes_sent, some.size());
  EXPECT_EQ(total.reset, 1U);
  EXPECT_EQ(total.open, 0U);
}

}  // namespace
}  // namespace headrace::conformance
