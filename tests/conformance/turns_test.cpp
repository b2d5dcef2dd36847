// SPDX-License-Identifier: MIT
//
// Whoever talks most must not get all the turns. Counted, not timed.
#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include <poll.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/channel.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

constexpr std::size_t kFloods = 0;  // facts
constexpr std::size_t kStop = 1;

/// "flood" begins a task whose operations never have to wait; it goes on until it is told to stop.
Task<> echo_or_flood(Report& report, Stream peer) {
  Channel<int> channel{1};
  while (auto bytes = co_await peer.receive()) {
    if (text_of(*bytes) == "flood") {
      ++report.facts[kFloods];
      while (report.facts[kStop] == 0) {
        if (!co_await channel.send(peer.engine(), 1) || !co_await channel.receive(peer.engine()))
          co_return;
      }
    }
    if (!co_await peer.send(*bytes)) co_return;
  }
}

CONFORMANCE("a task that never has to wait leaves turns to the others",
            several_at_once("two at once")) {
  Server server{model, echo_or_flood};
  Client other{server.address()};
  EXPECT_EQ(other.echo("first"), "first");
  Client flooding{server.address()};
  flooding.send("flood");
  wait_until("the flood has begun", [&] { return server.report().facts[kFloods] == 1; });
  for (int left = 50; left != 0; --left) EXPECT_EQ(other.echo("may I?"), "may I?");
  Client late{server.address()};
  EXPECT_EQ(late.echo("and I?"), "and I?");
  server.report().facts[kStop] = 1;
  EXPECT_EQ(flooding.receive(5), "flood");
}

/// Sends as much as goes and throws away what comes, until `stop`.
void flood(Client& client, const std::atomic<bool>& stop) {
  const std::string bytes = bytes_of_size(256_KiB);
  while (!stop) {
    pollfd entry{client.descriptor(), POLLIN | POLLOUT, 0};
    (void)::poll(&entry, 1, 100);
    if ((entry.revents & POLLOUT) != 0) (void)client.send_some(bytes);
    if ((entry.revents & POLLIN) != 0) (void)client.receive_some();
  }
}

/// One client that floods for as long as this lives.
class Flood {
 public:
  explicit Flood(const Server& server)
      : client_{server.address()}, thread_{[this] { flood(client_, over_); }} {}
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() {
    over_ = true;
    thread_.join();
  }

 private:
  Client client_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

std::deque<Client> connect_many(const Server& server, unsigned count,
                                Client::Options options = {}) {
  std::deque<Client> clients;
  for (; count != 0; --count) clients.emplace_back(server.address(), options);
  return clients;
}

/// Many clients that send whenever it goes and never read, for as long as this lives.
class Deaf {
 public:
  Deaf(const Server& server, unsigned count)
      : clients_{connect_many(server, count, {.kernel_buffers = 16384})},
        thread_{[this] { send_for_ever(); }} {}
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  ~Deaf() {
    over_ = true;
    thread_.join();
  }

 private:
  void send_for_ever() {
    const std::string bytes = bytes_of_size(64_KiB);
    std::vector<pollfd> entries;
    for (const Client& client : clients_) entries.push_back({client.descriptor(), POLLOUT, 0});
    while (!over_) {
      (void)::poll(entries.data(), entries.size(), 100);
      for (std::size_t index = 0; index < entries.size(); ++index)
        if (entries[index].revents != 0) (void)clients_[index].send_some(bytes);
    }
  }

  std::deque<Client> clients_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

/// Every client has one message under way, all the time, until there were `total` in all. The turns
/// each has had.
std::vector<unsigned> take_turns(std::deque<Client>& clients, unsigned total) {
  const std::string message = bytes_of_size(64);
  std::vector<unsigned> turns(clients.size());
  std::vector<pollfd> entries;
  for (Client& client : clients) {
    client.send(message);
    entries.push_back({client.descriptor(), POLLIN, 0});
  }
  for (unsigned had = 0; had < total;) {
    if (::poll(entries.data(), entries.size(), 20'000) <= 0)
      throw std::runtime_error{"nobody gets a turn"};
    for (std::size_t index = 0; index < entries.size(); ++index) {
      if (entries[index].revents == 0) continue;
      EXPECT_EQ(clients[index].receive(message.size()), message);
      clients[index].send(message);
      ++turns[index];
      ++had;
    }
  }
  return turns;
}

CONFORMANCE("one flooding client among 100: the others' turns stay within a factor of 3",
            event_loops("elsewhere the scheduler deals out the turns")) {
  Server server{model};
  auto clients = connect_many(server, 99);
  const Flood flooding{server};
  const auto turns = take_turns(clients, amount(20'000, 500'000));
  const auto [fewest, most] = std::ranges::minmax(turns);
  EXPECT_LE(most, 3 * fewest);
}

CONFORMANCE("peers that never read, and one that floods, take no turns from 100 others",
            event_loops("elsewhere the scheduler deals out the turns")) {
  // With a thousand clients select has no room for the others.
  const bool is_select = model.engine == EngineKind::select;
  Server server{model};
  auto clients = connect_many(server, 100);
  const Deaf deaf{server, amount(200, is_select ? 800 : 1000)};
  const Flood flooding{server};
  const auto turns = take_turns(clients, amount(10'000, 200'000));
  const auto [fewest, most] = std::ranges::minmax(turns);
  EXPECT_LE(most, 3 * fewest);
}

/// Each client's first `count` messages come back, whoever is faster.
void all_come_to(std::deque<Client>& clients, int count) {
  for (; count != 0; --count) {
    for (Client& client : clients) client.send("my turn");
    for (Client& client : clients) ASSERT_EQ(client.receive(7), "my turn");
  }
}

CONFORMANCE("one flooding client keeps none of 100 from being served",
            several_at_once("100 at once")) {
  Server server{model, {.clients = 100}};
  auto clients = connect_many(server, 99);
  const Flood flooding{server};
  all_come_to(clients, 50);
}

}  // namespace
}  // namespace headrace::conformance
