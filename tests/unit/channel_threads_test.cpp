// SPDX-License-Identifier: MIT
//
// A Channel between two engines, each on a thread of its own, for every pair of kinds.
#include <atomic>
#include <cstdint>
#include <thread>
#include <tuple>

#include "engines.hpp"
#include "headrace/channel.hpp"

namespace headrace {
namespace {

using namespace testing_support;

class BetweenThreads : public testing::TestWithParam<std::tuple<EngineKind, EngineKind>> {
 protected:
  /// Runs `here` on this thread's engine and `there` on another one's.
  template <class Here, class There>
  void run(Here here, There there) {
    std::thread other{[&there] {
      const auto engine = make_engine(std::get<1>(GetParam()));
      engine->run(there(*engine));
    }};
    const auto engine = make_engine(std::get<0>(GetParam()));
    engine->run(here(*engine));
    other.join();
  }

  Patience patience{};
};

using Numbers = Channel<std::uint64_t>;
constexpr std::uint64_t kMany = 100'000;

Task<> send_all(Engine& engine, Numbers& to, std::uint64_t count) {
  for (std::uint64_t value = 1; value <= count; ++value)
    EXPECT_TRUE(co_await to.send(engine, value));
  to.close();
}

Task<> add_up(Engine& engine, Numbers& from, std::uint64_t& sum) {
  std::uint64_t last = 0;
  while (const auto value = co_await from.receive(engine)) {
    EXPECT_EQ(*value, last + 1);
    last = *value;
    sum += *value;
  }
}

TEST_P(BetweenThreads, EveryValueComesOnceAndInOrder) {
  for (const std::size_t capacity : {1024U, 64U}) {
    Numbers channel{capacity};
    std::uint64_t sum = 0;
    run([&](Engine& engine) { return add_up(engine, channel, sum); },
        [&](Engine& engine) { return send_all(engine, channel, kMany); });
    EXPECT_EQ(sum, kMany * (kMany + 1) / 2);
  }
}

// With room for one value each side goes to sleep and is woken again and again.
Task<> echo_back(Engine& engine, Numbers& from, Numbers& to) {
  while (const auto value = co_await from.receive(engine))
    EXPECT_TRUE(co_await to.send(engine, *value));
}

Task<> play(Engine& engine, Numbers& to, Numbers& from, int rounds, bool lets_it_sleep) {
  for (std::uint64_t value = 0; value < static_cast<std::uint64_t>(rounds); ++value) {
    if (lets_it_sleep) (void)co_await engine.sleep(Deadline::after(200us));
    EXPECT_TRUE(co_await to.send(engine, value));
    const auto back = co_await from.receive(engine, soon());
    EXPECT_EQ(back.value_or(~0ULL), value);
    if (!back) break;
  }
  to.close();
}

TEST_P(BetweenThreads, AWakeIsNeverLostWhetherTheOtherSleepsOrNot) {
  for (const bool lets_it_sleep : {false, true}) {
    Numbers there{1};
    Numbers back{1};
    run(
        [&](Engine& engine) {
          return play(engine, there, back, lets_it_sleep ? 50 : 3000, lets_it_sleep);
        },
        [&](Engine& engine) { return echo_back(engine, there, back); });
  }
}

// Deadlines and sends of different threads meet.
Task<> send_and_count(Engine& engine, Numbers& to, std::uint64_t& sent) {
  for (std::uint64_t value = 0; value < 2000; ++value)
    if (co_await to.send(engine, value, Deadline::after(value % 3 * 20us))) ++sent;
  to.close();
}

Task<> receive_and_count(Engine& engine, Numbers& from, std::uint64_t& received) {
  for (std::uint64_t round = 0;; ++round) {
    const auto value = co_await from.receive(engine, Deadline::after(round % 3 * 20us));
    if (value)
      ++received;
    else if (value.error().code == Errc::end_of_stream)
      co_return;
  }
}

TEST_P(BetweenThreads, DeadlinesThatMeetSendsNeitherLoseNorRepeatAValue) {
  Numbers channel{1};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  run([&](Engine& engine) { return receive_and_count(engine, channel, received); },
      [&](Engine& engine) { return send_and_count(engine, channel, sent); });
  EXPECT_EQ(received, sent);
}

Task<> receive_or_be_canceled(Engine& engine, Numbers& from, std::uint64_t& received) {
  while (const auto value = co_await from.receive(engine)) ++received;
}

Task<> cancel_again_and_again(Engine& engine, Numbers& from, std::uint64_t& received,
                              std::atomic<bool>& ended) {
  while (!ended) {
    TaskScope scope{engine};
    (void)scope.spawn(receive_or_be_canceled(engine, from, received));
    (void)co_await engine.sleep(Deadline::after(50us));
    scope.cancel();
    co_await scope.join();
  }
  while (from.try_receive()) ++received;
}

Task<> send_then_end(Engine& engine, Numbers& to, std::uint64_t& sent, std::atomic<bool>& ended) {
  for (std::uint64_t value = 0; value < 1000; ++value)
    if (co_await to.send(engine, value, Deadline::after(100us))) ++sent;
  ended = true;
}

TEST_P(BetweenThreads, CancelsThatMeetSendsNeitherLoseNorRepeatAValue) {
  Numbers channel{1};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::atomic<bool> ended = false;
  run([&](Engine& engine) { return cancel_again_and_again(engine, channel, received, ended); },
      [&](Engine& engine) { return send_then_end(engine, channel, sent, ended); });
  EXPECT_EQ(received, sent);
}

// The one who is woken may end at once, and its engine with it, while the other is still busy
// waking it.
Task<> receive_one(Engine& engine, Numbers& from) { (void)co_await from.receive(engine, soon()); }
Task<> send_one(Engine& engine, Numbers& to) { (void)co_await to.send(engine, 1); }

TEST_P(BetweenThreads, AnEngineMayBeDestroyedAsSoonAsItsTaskHasEnded) {
  const auto [here, there] = GetParam();
  const auto sender = make_engine(there);
  for (int round = 0; round < 300; ++round) {
    Numbers channel{1};
    std::thread receiver{[&channel, kind = here] {
      const auto engine = make_engine(kind);
      engine->run(receive_one(*engine, channel));
    }};
    sender->run(send_one(*sender, channel));
    receiver.join();
  }
}

TEST_P(BetweenThreads, AnyThreadMayCloseAChannel) {
  Numbers channel{1};
  std::thread closer{[&channel] { channel.close(); }};
  const auto engine = make_engine(std::get<0>(GetParam()));
  engine->run(receive_one(*engine, channel));
  closer.join();
  EXPECT_EQ(code_of(channel.try_receive()), Errc::end_of_stream);
}

// Each with one that blocks and one that waits for readiness; waking is all that differs.
INSTANTIATE_TEST_SUITE_P(Engines, BetweenThreads,
                         testing::Combine(testing::ValuesIn(engine_kinds()),
                                          testing::Values(EngineKind::blocking,
                                                          EngineKind::epoll_edge)),
                         [](const auto& test) {
                           return name_of(std::get<0>(test.param)) + "_and_" +
                                  name_of(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace headrace
