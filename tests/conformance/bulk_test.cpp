// SPDX-License-Identifier: MIT
//
// Much of everything: many bytes, many who do not read, many who come and go, many who only stay.
#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include <poll.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

CONFORMANCE("64 MiB come back") {
  Server server{model};
  const std::string bytes = bytes_of_size(64_MiB);
  Client client{server.address()};
  EXPECT_TRUE(same(client.echo(bytes), bytes));
  client.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.bytes_received, bytes.size());
  EXPECT_EQ(total.bytes_sent, bytes.size());
}

CONFORMANCE("megabytes of random sizes come back, over one connection and over new ones") {
  Server server{model};
  std::mt19937 random{20240301};
  std::uniform_int_distribution<std::size_t> sizes{1, 64_MiB / amount(64, 1)};
  Client same_one{server.address()};
  for (unsigned left = amount(3, 20); left != 0; --left) {
    const std::string bytes = bytes_of_size(sizes(random), left);
    ASSERT_TRUE(same(same_one.echo(bytes), bytes)) << left << " to go";
  }
  same_one.close();
  for (unsigned left = amount(3, 20); left != 0; --left) {
    const std::string bytes = bytes_of_size(sizes(random), left);
    ASSERT_TRUE(same(Client{server.address()}.echo(bytes), bytes)) << left << " to go";
  }
}

/// Each sends as much as goes, at most `most`, until nothing has moved for a while anywhere.
std::vector<std::size_t> send_until_all_are_stuck(std::deque<Client>& clients, std::size_t most) {
  constexpr int kQuiet = 200;  // ms
  const std::string bytes = bytes_of_size(256_KiB);
  std::vector<std::size_t> sent(clients.size());
  std::vector<pollfd> entries;
  for (const Client& client : clients) entries.push_back({client.descriptor(), POLLOUT, 0});
  while (::poll(entries.data(), entries.size(), kQuiet) > 0)
    for (std::size_t index = 0; index < clients.size(); ++index) {
      if ((entries[index].revents & POLLOUT) == 0) continue;
      sent[index] += clients[index].send_some(bytes);
      if (sent[index] >= most) entries[index].fd = -1;
    }
  return sent;
}

/// What a peer that does not read may cost: a buffer, and what its launcher takes for a client.
[[maybe_unused]] std::size_t cost_of_a_peer(const ModelInfo& model) {
  if (model.launcher == LauncherKind::process_per_connection ||
      model.launcher == LauncherKind::prefork)
    return 1_MiB;  // the pages that a child has written to
  return model.launcher == LauncherKind::event_loop ? 64_KiB : 256_KiB;
}

CONFORMANCE("100 peers that send much and do not read cost a buffer each, and the others nothing",
            several_at_once("100 at once")) {
  constexpr std::size_t kPeers = 100;
  const std::size_t each = amount(64, 256) * 1_MiB;  // more than any kernel takes (tcp_rmem)
  Server server{model, {.clients = kPeers + 1}};
  Client other{server.address()};
  EXPECT_EQ(other.echo("warm"), "warm");
  [[maybe_unused]] const std::size_t before = server.private_memory();
  std::deque<Client> peers;
  for (std::size_t left = kPeers; left != 0; --left)
    peers.emplace_back(server.address(), Client::Options{.kernel_buffers = 65536});
  for (const std::size_t sent : send_until_all_are_stuck(peers, each))
    ASSERT_LT(sent, each) << "the server should have stopped reading";
  const std::string bytes = bytes_of_size(10'000);
  for (int left = 100; left != 0; --left) ASSERT_TRUE(same(other.echo(bytes), bytes));
  EXPECT_EQ(server.report().departures(), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(server.private_memory(), before + kPeers * cost_of_a_peer(model) + 1_MiB);
#endif
  for (Client& peer : peers) peer.reset();
  wait_until("they are gone", [&] { return server.report().departures() == kPeers; });
  EXPECT_EQ(other.echo("alone"), "alone");
}

CONFORMANCE("thousands who connect and leave disturb nobody who is there",
            several_at_once("two at once")) {
  Server server{model};
  Client steady{server.address()};
  const std::string bytes = bytes_of_size(3000);
  const unsigned count = amount(1000, 5000);
  for (unsigned index = 0; index < count; ++index) {
    Client passing{server.address()};
    if (index % 2 == 1) passing.reset();
    if (index % 10 == 0) {
      ASSERT_TRUE(same(steady.echo(bytes), bytes)) << index;
    }
  }
  wait_until("all are gone", [&] { return server.report().departures() == count; });
  ASSERT_TRUE(same(steady.echo(bytes), bytes));
  steady.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, count + 1);
  EXPECT_EQ(total.refused, 0U);
}

/// As many descriptors as this process may have, or the test cannot be.
void need_descriptors(rlim_t count) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GE(limit.rlim_cur, count) << "raise the hard limit: ulimit -Hn";
}

Models loops_without_limit() {
  return {[](const ModelInfo& model) {
            return model.launcher == LauncherKind::event_loop && model.engine != EngineKind::select;
          },
          "a thread or process each is too much for a test, and select ends at 1024"};
}

CONFORMANCE("thousands of connections of which few talk are all served", loops_without_limit()) {
  const unsigned count = amount(2000, 10'000);
  constexpr unsigned kTalkers = 100;
  need_descriptors(count + 200);
  if (testing::Test::HasFatalFailure()) return;
  Server server{model};
  std::deque<Client> clients;
  for (unsigned left = count; left != 0; --left) clients.emplace_back(server.address());
  const std::string bytes = bytes_of_size(1000);
  for (int round = 0; round < 10; ++round) {
    for (unsigned talker = 0; talker < kTalkers; ++talker)
      clients[talker * (count / kTalkers)].send(bytes);
    for (unsigned talker = 0; talker < kTalkers; ++talker) {
      ASSERT_TRUE(same(clients[talker * (count / kTalkers)].receive(bytes.size()), bytes));
    }
  }
  for (Client& client : clients) client.send("idle no more");
  for (Client& client : clients) ASSERT_EQ(client.receive(12), "idle no more");
  clients.clear();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, count);
  EXPECT_EQ(total.most_at_once, count);
  EXPECT_EQ(total.bytes_sent, 10 * kTalkers * bytes.size() + count * 12);
}

CONFORMANCE("hundreds who send slowly cost nobody else anything", several_at_once("at once")) {
  const unsigned crowd = clients_at_once(model, 300);
  Server server{model, {.clients = crowd + 1}};
  std::deque<Client> slow;
  for (unsigned left = crowd; left != 0; --left) slow.emplace_back(server.address()).send("s");
  Client other{server.address()};
  const std::string bytes = bytes_of_size(20'000);
  for (std::size_t index = 0; index < slow.size(); ++index) {
    ASSERT_TRUE(same(other.echo(bytes), bytes));
    slow[index].send("low");
  }
  for (Client& client : slow) ASSERT_EQ(client.receive(4), "slow");
  slow.clear();
  other.close();
  EXPECT_EQ(server.stop().bytes_received, crowd * (bytes.size() + 4));
}

}  // namespace
}  // namespace headrace::conformance
