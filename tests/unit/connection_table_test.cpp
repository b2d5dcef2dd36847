// SPDX-License-Identifier: MIT
#include "models/connection_table.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace headrace::models {
namespace {

using detail::ConnectionInfo;

constexpr std::uint32_t kUnlimited = ~0U;

net::SocketAddress ip(const char* host, std::uint16_t port = 1000) {
  net::SocketAddress address;
  if (std::strchr(host, ':') != nullptr) {
    auto& form = reinterpret_cast<sockaddr_in6&>(address.storage);
    form.sin6_family = AF_INET6;
    form.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, host, &form.sin6_addr), 1);
    address.length = sizeof form;
    return address;
  }
  auto& form = reinterpret_cast<sockaddr_in&>(address.storage);
  form.sin_family = AF_INET;
  form.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, host, &form.sin_addr), 1);
  address.length = sizeof form;
  return address;
}

/// Remembers what it was told; asks the table for its statistics in the middle of things.
struct Told : ServerEvents {
  std::atomic<int> arrivals = 0;
  std::atomic<int> departures = 0;
  std::vector<Refusal> refusals{};  // of tests with one thread
  std::vector<Departure> ends{};
  bool remembers = true;
  ConnectionTable* table = nullptr;
  Statistics at_departure{};
  std::chrono::nanoseconds last_age{};

  void arrived(const ConnectionView&) noexcept override { ++arrivals; }
  void departed(const ConnectionView& connection, Departure how) noexcept override {
    ++departures;
    if (remembers) last_age = connection.age;
    if (remembers) ends.push_back(how);
    if (table != nullptr) at_departure = table->statistics();
  }
  void refused(const Address&, Refusal why) noexcept override {
    if (remembers) refusals.push_back(why);
  }
};

class ConnectionTableTest : public testing::Test {
 protected:
  ConnectionTable& make(Limits limits) {
    table_ = ConnectionTable::make(limits, told);
    return *table_;
  }
  Told told;

 private:
  std::unique_ptr<ConnectionTable> table_;
};

/// Admitted, and served from here on; null if it is refused.
ConnectionInfo* serve(ConnectionTable& table, const net::SocketAddress& peer, Transport transport) {
  ConnectionInfo* const connection = table.admit(peer, transport);
  if (connection != nullptr) table.serving(*connection);
  return connection;
}

TEST_F(ConnectionTableTest, CountsWhoComesAndGoes) {
  ConnectionTable& table = make({10, kUnlimited, true});
  ConnectionInfo* const first = serve(table, ip("10.0.0.1"), Transport::tcp);
  ConnectionInfo* const second = serve(table, ip("10.0.0.2"), Transport::tcp);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  detail::add(first->received, 100);
  detail::add(first->sent, 50);
  detail::add(first->messages, 3);
  EXPECT_EQ(table.statistics().bytes_received, 100U) << "also while it is open";
  EXPECT_EQ(table.open(), 2U);
  table.departed(*first, Errc::end_of_stream);
  table.departed(*second, Errc::reset);
  const Statistics total = table.statistics();
  EXPECT_EQ(total.connections, 2U);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(total.most_at_once, 2U);
  EXPECT_EQ(total.bytes_received, 100U);
  EXPECT_EQ(total.bytes_sent, 50U);
  EXPECT_EQ(total.messages, 3U);
  EXPECT_EQ(total.reset, 1U);
  EXPECT_EQ(table.departures(), 2U);
  EXPECT_EQ(told.ends, (std::vector{Departure::finished, Departure::reset}));
}

TEST_F(ConnectionTableTest, TellsHowEachEnded) {
  ConnectionTable& table = make({1, kUnlimited, true});
  const std::array ends{
      std::pair{Errc::end_of_stream, Departure::finished},
      std::pair{Errc::timed_out, Departure::timed_out}, std::pair{Errc::canceled, Departure::cut},
      std::pair{Errc::reset, Departure::reset}, std::pair{Errc::broken_pipe, Departure::reset}};
  for (const auto& [last, how] : ends) {
    table.departed(*serve(table, ip("10.0.0.1"), Transport::tcp), last);
    EXPECT_EQ(told.ends.back(), how);
  }
  const Statistics total = table.statistics();
  EXPECT_EQ(total.timed_out, 1U);
  EXPECT_EQ(total.cut, 1U);
  EXPECT_EQ(total.reset, 2U);
}

TEST_F(ConnectionTableTest, RefusesBeyondItsSizeAndTakesTheNextAfterADeparture) {
  ConnectionTable& table = make({2, kUnlimited, true});
  ConnectionInfo* const first = serve(table, ip("10.0.0.1"), Transport::tcp);
  EXPECT_NE(serve(table, ip("10.0.0.1"), Transport::tcp), nullptr);
  EXPECT_EQ(serve(table, ip("10.0.0.1"), Transport::tcp), nullptr);
  EXPECT_EQ(told.refusals, std::vector{Refusal::max_connections});
  table.departed(*first, Errc::end_of_stream);
  EXPECT_NE(serve(table, ip("10.0.0.1"), Transport::tcp), nullptr);
  EXPECT_EQ(table.statistics().refused, 1U);
  EXPECT_EQ(table.statistics().connections, 3U);
}

TEST_F(ConnectionTableTest, AllowsNobodyWhenItsSizeIsNothing) {
  EXPECT_EQ(serve(make({0, kUnlimited, true}), ip("10.0.0.1"), Transport::tcp), nullptr);
}

TEST_F(ConnectionTableTest, LimitsEachAddressWhateverThePort) {
  ConnectionTable& table = make({100, 2, true});
  ConnectionInfo* const first = serve(table, ip("10.0.0.1", 1), Transport::tcp);
  EXPECT_NE(serve(table, ip("10.0.0.1", 2), Transport::tcp), nullptr);
  EXPECT_EQ(serve(table, ip("10.0.0.1", 3), Transport::tcp), nullptr);
  EXPECT_EQ(serve(table, ip("::ffff:10.0.0.1", 4), Transport::tcp), nullptr)
      << "the same peer, seen by a dual stack";
  EXPECT_NE(serve(table, ip("10.0.0.2", 1), Transport::tcp), nullptr);
  EXPECT_EQ(told.refusals, std::vector(2, Refusal::max_per_address));
  EXPECT_EQ(table.open(), 3U);
  table.departed(*first, Errc::end_of_stream);
  EXPECT_NE(serve(table, ip("10.0.0.1", 5), Transport::tcp), nullptr);
}

TEST_F(ConnectionTableTest, ExemptsLoopbackAndUnixPeersFromTheLimitByAddress) {
  ConnectionTable& table = make({100, 1, true});
  net::SocketAddress unnamed;
  unnamed.storage.ss_family = AF_UNIX;
  unnamed.length = sizeof(sa_family_t);
  for (int count = 0; count < 3; ++count) {
    EXPECT_NE(serve(table, ip("127.0.0.1"), Transport::tcp), nullptr);
    EXPECT_NE(serve(table, ip("127.255.0.9"), Transport::tcp), nullptr);
    EXPECT_NE(serve(table, ip("::1"), Transport::tcp), nullptr);
    EXPECT_NE(serve(table, unnamed, Transport::unix_stream), nullptr);
  }
}

TEST_F(ConnectionTableTest, LimitsLoopbackPeersToo) {
  ConnectionTable& table = make({100, 1, false});
  EXPECT_NE(serve(table, ip("127.0.0.1"), Transport::tcp), nullptr);
  EXPECT_EQ(serve(table, ip("127.0.0.1"), Transport::tcp), nullptr);
  EXPECT_NE(serve(table, ip("::1"), Transport::tcp), nullptr);
  EXPECT_EQ(serve(table, ip("::1"), Transport::tcp), nullptr);
}

TEST_F(ConnectionTableTest, OneTurnedAwayWasNoConnection) {
  ConnectionTable& table = make({10, kUnlimited, true});
  table.turn_away(*table.admit(ip("10.0.0.1"), Transport::tcp), Refusal::out_of_resources);
  const Statistics total = table.statistics();
  EXPECT_EQ(total.connections, 0U);
  EXPECT_EQ(total.most_at_once, 0U);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(told.arrivals, 0);
  EXPECT_EQ(total.refused, 1U);
  EXPECT_EQ(told.refusals, std::vector{Refusal::out_of_resources});
}

TEST_F(ConnectionTableTest, GivesNoNumberTwice) {
  ConnectionTable& table = make({4, kUnlimited, true});
  std::set<std::uint64_t> numbers;
  for (int count = 0; count < 20; ++count) {
    ConnectionInfo* const connection = table.admit(ip("10.0.0.1"), Transport::tcp);
    if (count % 2 == 0) {
      table.turn_away(*connection, Refusal::out_of_resources);  // gets none
      continue;
    }
    table.serving(*connection);
    numbers.insert(connection->id);
    table.departed(*connection, Errc::end_of_stream);
  }
  EXPECT_EQ(numbers.size(), 10U);
  EXPECT_EQ(*numbers.begin(), 1U);
}

TEST_F(ConnectionTableTest, CountsADepartingConnectionOnce) {
  ConnectionTable& table = make({10, kUnlimited, true});
  told.table = &table;
  ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
  detail::add(connection->received, 100);
  table.departed(*connection, Errc::end_of_stream);
  EXPECT_EQ(told.at_departure.bytes_received, 100U);
}

TEST_F(ConnectionTableTest, KnowsHowLongAConnectionHasBeenThere) {
  ConnectionTable& table = make({10, kUnlimited, true});
  const auto before = std::chrono::steady_clock::now();
  ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
  const auto after = std::chrono::steady_clock::now();
  ::usleep(2000);
  const auto least = std::chrono::steady_clock::now() - after;
  table.departed(*connection, Errc::end_of_stream);
  const auto most = std::chrono::steady_clock::now() - before;
  constexpr std::chrono::microseconds kTick{9};
  EXPECT_GE(told.last_age + kTick, least);
  EXPECT_LE(told.last_age, most + kTick);
}

// Children. Their pids are made up: nobody asks whether there are such.

constexpr pid_t kChild = 4'000'001;
constexpr pid_t kOther = 4'000'002;

TEST_F(ConnectionTableTest, BuriesWhatADeadChildHad) {
  ConnectionTable& table = make({2, kUnlimited, true});
  ConnectionInfo* const lost = serve(table, ip("10.0.0.1"), Transport::tcp);
  ConnectionInfo* const kept = serve(table, ip("10.0.0.2"), Transport::tcp);
  table.give(*lost, ::getpid(), kChild);
  table.give(*kept, ::getpid(), kOther);
  detail::add(lost->received, 100);
  detail::add(kept->received, 7);
  table.bury_all(kChild, Departure::killed);
  EXPECT_EQ(told.ends, std::vector{Departure::killed});
  Statistics now = table.statistics();
  EXPECT_EQ(now.killed, 1U);
  EXPECT_EQ(now.open, 1U);
  EXPECT_EQ(now.bytes_received, 107U);
  EXPECT_EQ(table.departures(), 1U);
  EXPECT_NE(serve(table, ip("10.0.0.3"), Transport::tcp), nullptr) << "its place is free";
  table.departed(*kept, Errc::end_of_stream);
  EXPECT_EQ(table.statistics().open, 1U);
}

TEST_F(ConnectionTableTest, OneWhoseChildDiedBeforeItServedIsRefused) {
  ConnectionTable& table = make({2, kUnlimited, true});
  ConnectionInfo* const connection = table.admit(ip("10.0.0.1"), Transport::tcp);
  table.give(*connection, ::getpid(), kChild);
  table.bury(*connection, kChild, Departure::killed);
  EXPECT_TRUE(told.ends.empty());
  EXPECT_EQ(told.refusals, std::vector{Refusal::out_of_resources});
  EXPECT_EQ(table.open(), 0U);
}

TEST_F(ConnectionTableTest, KicksOneThatIsServedAndOnlyOnce) {
  ConnectionTable& table = make({3, kUnlimited, true});
  ConnectionInfo* const queued = table.admit(ip("10.0.0.9"), Transport::tcp);
  ConnectionInfo* const one = serve(table, ip("10.0.0.1"), Transport::tcp);
  ConnectionInfo* const other = serve(table, ip("10.0.0.2"), Transport::tcp);
  EXPECT_FALSE(table.kick(0)) << "the number of those who are not served yet";
  EXPECT_FALSE(table.has_kicks());
  EXPECT_TRUE(table.kick(one->id));
  EXPECT_TRUE(table.kick(one->id)) << "it is still there";
  EXPECT_TRUE(table.has_kicks());
  EXPECT_TRUE(table.is_kicked(*one));
  EXPECT_FALSE(table.is_kicked(*other));
  EXPECT_FALSE(table.is_kicked(*queued));
  const std::uint64_t id = one->id;
  table.give(*one, ::getpid(), kChild);
  table.departed(*one, Errc::end_of_stream);
  EXPECT_FALSE(table.kick(id)) << "it has left";
  EXPECT_FALSE(table.has_kicks());
  EXPECT_EQ(told.ends, std::vector{Departure::kicked});
  EXPECT_EQ(table.statistics().kicked, 1U);
}

TEST_F(ConnectionTableTest, KicksNobodyByTheNumberOfWhoWasThereBefore) {
  ConnectionTable& table = make({1, kUnlimited, true});
  ConnectionInfo* const gone = serve(table, ip("10.0.0.1"), Transport::tcp);
  const std::uint64_t id = gone->id;
  table.departed(*gone, Errc::end_of_stream);
  EXPECT_FALSE(table.kick(id));
  ConnectionInfo* const next = table.admit(ip("10.0.0.2"), Transport::tcp);  // in its place
  EXPECT_FALSE(table.kick(id));
  table.serving(*next);
  EXPECT_FALSE(table.kick(id));
  EXPECT_FALSE(table.is_kicked(*next));
}

TEST_F(ConnectionTableTest, BuriesNothingOfOneThatWasDone) {
  ConnectionTable& table = make({2, kUnlimited, true});
  ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
  table.give(*connection, ::getpid(), kChild);
  table.departed(*connection, Errc::end_of_stream);
  table.bury(*connection, kChild, Departure::killed);
  ConnectionInfo* const next = serve(table, ip("10.0.0.2"), Transport::tcp);
  table.bury(*connection, kChild, Departure::killed);
  table.bury(*next, kChild, Departure::killed);
  EXPECT_EQ(told.ends, std::vector{Departure::finished});
  EXPECT_EQ(table.statistics().killed, 0U);
  EXPECT_EQ(table.open(), 1U);
}

TEST_F(ConnectionTableTest, GivesAConnectionOnlyOnceAndOnlyWhileItIsThere) {
  ConnectionTable& table = make({2, kUnlimited, true});
  ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
  table.give(*connection, ::getpid(), kChild);  // by the child
  table.give(*connection, ::getpid(), kChild);  // by the parent, later
  table.departed(*connection, Errc::end_of_stream);
  table.give(*connection, ::getpid(), kChild);  // by the parent, later still
  EXPECT_EQ(table.open(), 0U);
  EXPECT_NE(serve(table, ip("10.0.0.2"), Transport::tcp), nullptr);
  EXPECT_NE(serve(table, ip("10.0.0.2"), Transport::tcp), nullptr) << "no place was lost";
}

/// A child that is killed where `departed` tells of the connection.
struct DiesWhenTold : ServerEvents {
  void departed(const ConnectionView&, Departure) noexcept override { ::_exit(0); }
};

TEST(ConnectionTableOfChildren, TellsNoDepartureTwice) {
  DiesWhenTold events;
  const auto table = ConnectionTable::make({1, kUnlimited, true}, events);
  ConnectionInfo* const connection = table->admit(ip("10.0.0.1"), Transport::tcp);
  detail::add(connection->received, 100);
  const pid_t child = ::fork();
  if (child == 0) {
    table->give(*connection, ::getppid(), ::getpid());
    table->departed(*connection, Errc::reset);
    ::_exit(1);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  table->bury_all(child, Departure::killed);  // would end this process if it told
  EXPECT_EQ(table->open(), 0U);
  const Statistics total = table->statistics();
  EXPECT_EQ(total.bytes_received, 100U);
  EXPECT_EQ(total.reset, 1U);
  EXPECT_EQ(total.killed, 0U);
}

// Four threads at once.

constexpr int kThreads = 4;
constexpr int kRounds = 20'000;

template <class Body>
void in_threads(Body body) {
  std::vector<std::thread> threads;
  for (int index = 0; index < kThreads; ++index)
    threads.emplace_back([&body, index] { body(index); });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ConnectionTableTest, IsExactUnderThreads) {
  ConnectionTable& table = make({kThreads - 1, kUnlimited, true});
  told.remembers = false;
  std::atomic<std::uint64_t> admitted = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::array<std::vector<std::uint64_t>, kThreads> numbers;
  in_threads([&](int index) {
    for (int round = 0; round < kRounds; ++round) {
      ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
      if (connection == nullptr) {
        ++refused;
        continue;
      }
      ++admitted;
      numbers[static_cast<std::size_t>(index)].push_back(connection->id);
      detail::add(connection->received, 3);
      detail::add(connection->messages, 1);
      table.departed(*connection, Errc::end_of_stream);
    }
  });
  const Statistics total = table.statistics();
  EXPECT_EQ(total.connections, admitted);
  EXPECT_EQ(total.refused, refused);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(total.bytes_received, 3 * admitted);
  EXPECT_EQ(total.messages, admitted);
  EXPECT_LE(total.most_at_once, std::uint64_t{kThreads - 1});
  std::set<std::uint64_t> all;
  for (const auto& some : numbers) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), admitted);
}

TEST_F(ConnectionTableTest, LetsNoMoreThanTheLimitOfOneAddressInUnderThreads) {
  ConnectionTable& table = make({100, 2, true});
  told.remembers = false;
  std::atomic<int> in_use = 0;
  std::atomic<int> most = 0;
  in_threads([&](int) {
    for (int round = 0; round < kRounds; ++round) {
      ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
      if (connection == nullptr) continue;
      const int now = ++in_use;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      --in_use;
      table.departed(*connection, Errc::end_of_stream);
    }
  });
  EXPECT_LE(most, 2);
  EXPECT_EQ(table.open(), 0U);
}

TEST_F(ConnectionTableTest, StatisticsNeverCountBackUnderThreads) {
  ConnectionTable& table = make({100, kUnlimited, true});
  told.remembers = false;
  std::atomic<bool> ended = false;
  std::thread reader{[&] {
    for (std::uint64_t last = 0; !ended;) {
      const std::uint64_t now = table.statistics().bytes_received;
      EXPECT_GE(now, last);
      if (now < last) break;
      last = now;
    }
  }};
  in_threads([&](int) {
    for (int round = 0; round < kRounds / 4; ++round) {
      ConnectionInfo* const connection = serve(table, ip("10.0.0.1"), Transport::tcp);
      detail::add(connection->received, 1);
      table.departed(*connection, Errc::end_of_stream);
    }
  });
  ended = true;
  reader.join();
}

}  // namespace
}  // namespace headrace::models
