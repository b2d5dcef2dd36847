// SPDX-License-Identifier: MIT
//
// Services at datagram addresses, under every model that has them. Forged senders, which take raw
// sockets, are in tests/tool/datagrams_test.py; the socket itself in tests/unit/datagram_test.cpp.
#include "datagrams.hpp"

#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "client.hpp"
#include "names.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using services::DatagramRules;

constexpr std::string_view kUdp = "udp://127.0.0.1:0";

/// Echo of both kinds; the rules are the server's copy.
class Echo {
 public:
  explicit Echo(DatagramRules::Options options = {}) : rules_{options} {}
  [[nodiscard]] Setup at(std::vector<std::string_view> listen) {
    return {.service = Service{services::echo}.with_datagrams(services::echo_datagrams, rules_),
            .listen = std::move(listen),
            .clients = 4};
  }

 private:
  DatagramRules rules_;
};

Service discard() { return Service{services::discard_datagrams}; }

CONFORMANCE("datagrams of every size come back whole", with_datagrams()) {
  Echo echo;
  Server server{model, echo.at({kUdp})};
  const DatagramClient client{server.address()};
  std::size_t bytes = 0;
  unsigned count = 0;
  for (const std::size_t size : {0UZ, 1UZ, 2UZ, 64UZ, 511UZ, 512UZ, 1400UZ, 1472UZ, 1473UZ, 2048UZ,
                                 8191UZ, 8192UZ, 8193UZ, 16384UZ, 32768UZ, 65506UZ, 65507UZ}) {
    const std::string sent = bytes_of_size(size, size);
    ASSERT_TRUE(same(client.ask(sent), sent)) << size;
    bytes += size;
    ++count;
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, count);
  EXPECT_EQ(total.datagrams.sent, count);
  EXPECT_EQ(total.datagrams.bytes_received, bytes);
  EXPECT_EQ(total.datagrams.bytes_sent, bytes);
  EXPECT_EQ(total.datagrams.failed + total.datagrams.unanswered + total.datagrams.truncated, 0U);
  EXPECT_EQ(total.connections, 0U);
}

CONFORMANCE("of a flood of datagrams each is received or in the kernel's count of drops",
            with_datagrams()) {
  Server server{model, {.service = discard(), .listen = {kUdp}, .clients = 4}};
  const DatagramClient client{server.address()};
  const unsigned flood = amount(100'000, 2'000'000);
  for (unsigned number = 0; number < flood; ++number) client.send("0123456789");
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received + total.datagrams.dropped, flood);
  EXPECT_EQ(total.datagrams.bytes_received, 10 * total.datagrams.received);
  EXPECT_GT(total.datagrams.received, 0U);
  EXPECT_EQ(total.datagrams.sent, 0U);
}

CONFORMANCE("a hundred thousand datagrams in a window are all echoed", with_datagrams()) {
  constexpr unsigned kWindow = 32;  // fits into any receive buffer
  Echo echo;
  Server server{model, echo.at({kUdp})};
  const DatagramClient client{server.address()};
  const unsigned all = amount(10'000, 100'000);
  for (unsigned number = 0; number < all + kWindow; ++number) {
    if (number >= kWindow) {
      ASSERT_EQ(client.receive().size(), 6U);
    }
    if (number < all) client.send("window");
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, all);
  EXPECT_EQ(total.datagrams.sent, all);
  EXPECT_EQ(total.datagrams.dropped, 0U);
}

CONFORMANCE("one worker answers datagrams in the order they came in", with_datagrams()) {
  Echo echo;
  Setup setup = echo.at({kUdp});
  setup.clients = 1;
  Server server{model, setup};
  const DatagramClient client{server.address()};
  for (int burst = 0; burst < 20; ++burst) {
    for (int number = 0; number < 40; ++number) client.send(std::to_string(number));
    for (int number = 0; number < 40; ++number) ASSERT_EQ(client.receive(), std::to_string(number));
  }
}

CONFORMANCE("a client that has gone, and its unreachable port, disturb nobody", with_datagrams()) {
  Echo echo;
  Server server{model, echo.at({kUdp})};
  const DatagramClient stays{server.address()};
  for (int times = 0; times < 50; ++times) {
    DatagramClient{server.address()}.send("gone before the answer comes");
    ASSERT_EQ(stays.ask("still there"), "still there");
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, 100U);
}

CONFORMANCE("what is queued when the server is told to stop is answered", with_datagrams()) {
  Echo echo;
  Server server{model, echo.at({kUdp})};
  const DatagramClient client{server.address()};
  ASSERT_EQ(client.ask("awake"), "awake");
  server.freeze();
  constexpr unsigned kQueued = 50;
  for (unsigned number = 0; number < kQueued; ++number) client.send("queued");
  server.signal(SIGTERM);
  server.thaw();
  for (unsigned number = 0; number < kQueued; ++number) ASSERT_EQ(client.receive(), "queued");
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.datagrams.sent, kQueued + 1);
}

CONFORMANCE("a flood does not keep a server from stopping", with_datagrams()) {
  Server server{model,
                {.service = discard(), .options = {.drain = 60s}, .listen = {kUdp}, .clients = 4}};
  const DatagramClient client{server.address(), DatagramClient::Kind::connected};
  server.signal(SIGTERM);
  const auto begun = std::chrono::steady_clock::now();
  // Until it is closed and says so.
  EXPECT_THROW(
      {
        while (std::chrono::steady_clock::now() < begun + 30s) client.send("more");
      },
      std::runtime_error);
  EXPECT_EQ(server.wait_for_exit(), 0);
}

CONFORMANCE("connections and datagrams are served at once", with_both()) {
  Echo echo;
  Server server{model, echo.at({"tcp://127.0.0.1:0", kUdp, "unix-datagram:@headrace-both"})};
  Client over_tcp{server.address(0)};
  const DatagramClient over_udp{server.address(1)};
  const DatagramClient over_unix{server.address(2)};
  for (int times = 0; times < 20; ++times) {
    over_tcp.send("stream");
    ASSERT_TRUE(same(over_tcp.receive(6), "stream"));
    ASSERT_EQ(over_udp.ask("datagram"), "datagram");
    ASSERT_EQ(over_unix.ask("local"), "local");
  }
  over_tcp.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, 40U);
  EXPECT_EQ(total.connections, 1U);
  EXPECT_EQ(total.bytes_received, 120U);
}

CONFORMANCE("a second server at a datagram address is refused, whatever its workers",
            with_datagrams()) {
  for (const unsigned first : {1U, 3U}) {
    if (first > 1 && model.default_workers == 0) continue;
    Setup setup{.service = discard(), .options = {.workers = first}, .listen = {kUdp}};
    Server server{model, setup};
    const AddressText where{server.address()};
    for (const unsigned second : {1U, 3U}) {
      if (second > 1 && model.default_workers == 0) continue;
      const auto [status, why] = start_that_fails(model, where, Workers{second}, discard());
      EXPECT_EQ(status, 1);
      EXPECT_EQ(why, Errc::address_in_use) << first << " and " << second << " workers";
    }
  }
}

CONFORMANCE("several loops share the senders of datagrams", event_loops("a socket each")) {
  Echo echo;
  Setup setup = echo.at({kUdp});
  setup.options.workers = 3;
  Server server{model, setup};
  std::deque<DatagramClient> clients;
  for (int number = 0; number < 60; ++number) {
    clients.emplace_back(server.address());
    ASSERT_EQ(clients.back().ask("hello"), "hello");
  }
  EXPECT_EQ(server.stop().datagrams.sent, 60U);
}

CONFORMANCE("models that make something for each connection refuse datagrams",
            without_datagrams()) {
  const auto [status, why] = start_that_fails(model, kUdp, Workers::by_model(), discard());
  EXPECT_EQ(status, 2);
  EXPECT_EQ(why, Errc::not_supported);
}

CONFORMANCE("a service refuses addresses of the kind it has no use for", with_datagrams()) {
  EXPECT_EQ(start_that_fails(model, kUdp, Workers::by_model(), services::reply).status, 2);
  EXPECT_EQ(start_that_fails(model, "tcp://127.0.0.1:0", Workers::by_model(), discard()).status, 2);
}

Task<> three_and_enough(Datagram socket) {
  for (int left = 3; left > 0; --left)
    if (const auto received = co_await socket.receive(); !received) co_return;
}

CONFORMANCE("a datagram service that has had enough ends the server", with_datagrams()) {
  Setup setup{.service = Service{three_and_enough}, .listen = {kUdp}, .clients = 1};
  Server server{model, setup};
  const DatagramClient client{server.address()};
  for (int number = 0; number < 3; ++number) client.send("x");
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.datagrams.received, 3U);
}

CONFORMANCE("a rate limit bounds what one host is answered in a second", with_datagrams()) {
  constexpr unsigned kLimit = 5;
  constexpr unsigned kSent = 40;
  Echo echo{{.most_each = kLimit}};
  Server server{model, echo.at({kUdp})};
  const DatagramClient one{server.address()};
  const DatagramClient other{server.address()};  // another port, the same host
  for (unsigned number = 0; number < kSent / 2; ++number) {
    one.send("x");
    other.send("y");
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, kSent);
  EXPECT_EQ(total.datagrams.sent + total.datagrams.limited, kSent);
  EXPECT_GE(total.datagrams.sent, kLimit);
  EXPECT_EQ(one.drain() + other.drain(), total.datagrams.sent);
}

CONFORMANCE("a server at every address answers from the one that was asked", with_datagrams()) {
  for (const std::string_view at : {"udp://*:0", "udp://0.0.0.0:0"}) {
    Echo echo;
    Server server{model, echo.at({at})};
    const std::uint16_t port = server.address().port();
    // Connected, they hear nobody else.
    const DatagramClient one{Address::ip(Transport::udp, "127.0.0.1", port)};
    const DatagramClient other{Address::ip(Transport::udp, "127.7.7.7", port)};
    for (const std::size_t size : {0UZ, 64UZ, 1400UZ, 5000UZ}) {
      const std::string sent = bytes_of_size(size, size);
      server.freeze();  // so that a loop has them in one batch
      for (int number = 0; number < 6; ++number) {
        one.send(sent);
        other.send(sent);
      }
      server.thaw();
      for (int number = 0; number < 6; ++number) {
        ASSERT_TRUE(same(one.receive(), sent)) << at << ", " << size;
        ASSERT_TRUE(same(other.receive(), sent)) << at << ", " << size;
      }
    }
    EXPECT_EQ(server.stop().datagrams.failed, 0U);
  }
}

CONFORMANCE("a stop ends the wait for a name to bind", iterative_only("no launcher has begun")) {
  for (const std::string_view at : {"udp://never.test:0", "tcp://never.test:0"}) {
    SilentServer silence;
    Stopper stopper;
    Echo echo;
    const Setup setup = echo.at({at});
    std::thread stop{[&] {
      wait_until("somebody asks", [&] { return silence.is_asked(); });
      stopper.stop();
    }};
    EXPECT_EQ(
        serve(setup.service,
              {.listen = at, .model = model.model, .handle_signals = false, .stopper = &stopper}),
        1)
        << at;
    stop.join();
  }
}

CONFORMANCE("a name that is known is bound", with_datagrams()) {
  set_addresses("two-of-ours.test", {"127.0.0.1", "127.0.0.2"});
  Echo echo;
  Server server{model, echo.at({"udp://two-of-ours.test:0"})};
  for (const char* const host : {"127.0.0.1", "127.0.0.2"}) {
    const DatagramClient client{Address::ip(Transport::udp, host, server.address().port())};
    EXPECT_EQ(client.ask(host), host);
  }
}

CONFORMANCE("a dual-stack server answers IPv4 and IPv6", with_datagrams()) {
  Echo echo;
  Server server{model, echo.at({"udp://*:0"})};
  const std::uint16_t port = server.address().port();
  const DatagramClient four{Address::ip(Transport::udp, "127.0.0.1", port)};
  EXPECT_EQ(four.ask("four"), "four");
  if (server.address().host() == "0.0.0.0") return;  // no IPv6 here
  const DatagramClient six{Address::ip(Transport::udp, "::1", port)};
  EXPECT_EQ(six.ask("six"), "six");
}

CONFORMANCE("a Unix client that does not read its answers holds up nobody", with_datagrams()) {
  const std::string directory = "/tmp/headrace-" + std::to_string(::getpid());
  std::filesystem::create_directory(directory);
  const std::string at = "unix-datagram:" + directory + "/echo";
  {
    Echo echo;
    Server server{model, echo.at({at})};
    const DatagramClient reads{server.address()};
    const DatagramClient does_not{server.address(), DatagramClient::Kind::loose};
    for (int number = 0; number < 60; ++number) {
      does_not.send("unread");
      ASSERT_EQ(reads.ask("read"), "read");
    }
    const Statistics total = server.stop();
    EXPECT_EQ(total.datagrams.received, 120U);
    EXPECT_EQ(total.datagrams.sent + total.datagrams.failed, 120U);
    EXPECT_GT(total.datagrams.failed, 0U);
  }
  EXPECT_FALSE(std::filesystem::exists(directory + "/echo"));
  std::filesystem::remove_all(directory);
}

// The kernel does not bound what a connected peer leaves unread, but by the server's send buffer.
CONFORMANCE("a connected Unix client that never reads leaves room for others", with_datagrams()) {
  Echo echo;
  Server server{model, echo.at({"unix-datagram:@headrace-hog-" + std::to_string(::getpid())})};
  const DatagramClient reads{server.address()};
  const DatagramClient hog{server.address()};
  const DatagramClient other_hog{server.address()};
  const std::string large(20'000, 'x');
  for (int number = 0; number < 400; ++number) {
    hog.send(number % 8 == 0 ? large : "unread");
    other_hog.send("unread");
    ASSERT_EQ(reads.ask("read"), "read") << number;
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.datagrams.received, 1200U);
  EXPECT_EQ(total.datagrams.sent + total.datagrams.failed, 1200U);
  EXPECT_GT(total.datagrams.failed, 0U);
}

}  // namespace
}  // namespace headrace::conformance
