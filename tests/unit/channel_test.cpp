// SPDX-License-Identifier: MIT
#include "headrace/channel.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engines.hpp"
#include "headrace/task_scope.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using ChannelTest = OnEveryEngine;

/// Counts itself; moves, never copies.
struct Value {
  static inline int alive = 0;
  int number;
  explicit Value(int given) noexcept : number{given} { ++alive; }
  Value(Value&& other) noexcept : number{std::exchange(other.number, -1)} { ++alive; }
  Value& operator=(Value&&) = delete;
  ~Value() { --alive; }
};

// Without waiting.

TEST(Channel, HoldsAsManyAsItsCapacityInOrder) {
  Channel<int> channel{3};
  for (int value = 0; value < 3; ++value) EXPECT_TRUE(channel.try_send(int{value}));
  EXPECT_EQ(code_of(channel.try_send(3)), Errc::would_wait);
  for (int value = 0; value < 3; ++value) EXPECT_EQ(channel.try_receive().value_or(-1), value);
  EXPECT_EQ(code_of(channel.try_receive()), Errc::would_wait);
}

TEST(Channel, GoesRoundItsRing) {
  Channel<int> channel{3};
  for (int value = 0; value < 100; ++value) {
    EXPECT_TRUE(channel.try_send(int{value}));
    EXPECT_EQ(channel.try_receive().value_or(-1), value);
  }
}

TEST(Channel, LeavesAValueThatDoesNotFitToItsOwner) {
  Channel<std::unique_ptr<int>> channel{1};
  auto kept = std::make_unique<int>(1);
  EXPECT_TRUE(channel.try_send(std::make_unique<int>(0)));
  EXPECT_EQ(code_of(channel.try_send(std::move(kept))), Errc::would_wait);
  EXPECT_NE(kept, nullptr);
  channel.close();
  EXPECT_EQ(code_of(channel.try_send(std::move(kept))), Errc::broken_pipe);
  EXPECT_NE(kept, nullptr);
}

TEST(Channel, ClosedStillGivesWhatIsQueued) {
  Channel<int> channel{2};
  EXPECT_TRUE(channel.try_send(1));
  channel.close();
  channel.close();
  EXPECT_EQ(code_of(channel.try_send(2)), Errc::broken_pipe);
  EXPECT_EQ(channel.try_receive().value_or(-1), 1);
  EXPECT_EQ(code_of(channel.try_receive()), Errc::end_of_stream);
}

TEST(Channel, DestroysTheValuesStillQueued) {
  {
    Channel<Value> channel{4};
    for (int number = 0; number < 3; ++number) EXPECT_TRUE(channel.try_send(Value{number}));
    EXPECT_EQ(channel.try_receive()->number, 0);
    EXPECT_EQ(Value::alive, 2);
  }
  EXPECT_EQ(Value::alive, 0);
}

struct alignas(64) Wide {
  std::array<char, 200> bytes;
};

TEST(Channel, KeepsTheAlignmentOfItsValues) {
  Channel<Wide> channel{3};
  for (char letter : {'a', 'b', 'c'}) {
    Wide wide{};
    wide.bytes.fill(letter);
    EXPECT_TRUE(channel.try_send(std::move(wide)));
  }
  for (char letter : {'a', 'b', 'c'}) EXPECT_EQ(channel.try_receive()->bytes[199], letter);
}

// Two tasks on one engine.

Task<> send_numbers(Engine& engine, Channel<Value>& channel, int count, std::string* story) {
  for (int number = 0; number < count; ++number) {
    EXPECT_TRUE(co_await channel.send(engine, Value{number}, soon()));
    if (story != nullptr) *story += static_cast<char>('0' + number);
  }
  channel.close();
}

Task<> receive_in_order(Engine& engine, Channel<Value>& channel, int& received) {
  for (;;) {
    auto value = co_await channel.receive(engine, soon());
    if (!value) {
      EXPECT_EQ(value.error().code, Errc::end_of_stream);
      co_return;
    }
    EXPECT_EQ(value->number, received++);
  }
}

Task<> send_and_receive(Engine& engine, std::size_t capacity, int& received, bool receiver_first) {
  Channel<Value> channel{capacity};
  TaskScope scope{engine};
  if (receiver_first) (void)scope.spawn(receive_in_order(engine, channel, received));
  (void)scope.spawn(send_numbers(engine, channel, 500, nullptr));
  if (!receiver_first) co_await receive_in_order(engine, channel, received);
  co_await scope.join();
}

TEST_P(ChannelTest, GivesEveryValueInOrder) {
  for (const std::size_t capacity : {1U, 2U, 16U, 1000U}) {
    for (const bool receiver_first : {false, true}) {
      int received = 0;
      engine.run(send_and_receive(engine, capacity, received, receiver_first));
      EXPECT_EQ(received, 500) << "capacity " << capacity;
      EXPECT_EQ(Value::alive, 0);
    }
  }
}

/// Until so much has happened, and a moment longer, in which more could.
Task<> wait_for(Engine& engine, const std::string& story, std::size_t size) {
  for (const auto begin = Clock::now(); story.size() < size && Clock::now() < begin + kLong;)
    (void)co_await engine.sleep(Deadline::after(1ms));
  (void)co_await engine.sleep(Deadline::after(10ms));
}

Task<> fill(Engine& engine, std::string& story) {
  Channel<Value> channel{2};
  TaskScope scope{engine};
  (void)scope.spawn(send_numbers(engine, channel, 4, &story));
  co_await wait_for(engine, story, 2);
  EXPECT_EQ(story, "01") << "two fit, the third waits";
  EXPECT_EQ((co_await channel.receive(engine, soon()))->number, 0);
  co_await wait_for(engine, story, 3);
  EXPECT_EQ(story, "012");
  for (int number = 1; number < 4; ++number)
    EXPECT_EQ((co_await channel.receive(engine, soon()))->number, number);
  co_await scope.join();
}

TEST_P(ChannelTest, FullMakesItsSendersWait) {
  std::string story;
  engine.run(fill(engine, story));
  EXPECT_EQ(story, "0123");
}

Task<> note_receive(Engine& engine, Channel<Value>& channel, std::vector<Errc>& ends) {
  ends.push_back(code_of(co_await channel.receive(engine, soon())));
}
Task<> note_send(Engine& engine, Channel<Value>& channel, std::vector<Errc>& ends) {
  ends.push_back(code_of(co_await channel.send(engine, Value{1}, soon())));
}

Task<> close_on_everybody(Engine& engine, std::vector<Errc>& receivers,
                          std::vector<Errc>& senders) {
  Channel<Value> empty{1};
  Channel<Value> full{1};
  EXPECT_TRUE(full.try_send(Value{0}));
  TaskScope scope{engine};
  for (int count = 0; count < 3; ++count) {
    EXPECT_TRUE(scope.spawn(note_receive(engine, empty, receivers)));
    EXPECT_TRUE(scope.spawn(note_send(engine, full, senders)));
  }
  (void)co_await engine.sleep(Deadline::after(5ms));
  empty.close();
  full.close();
  co_await scope.join();
  EXPECT_EQ(full.try_receive()->number, 0);
}

TEST_P(ChannelTest, CloseWakesEverybodyWhoWaits) {
  std::vector<Errc> receivers;
  std::vector<Errc> senders;
  engine.run(close_on_everybody(engine, receivers, senders));
  EXPECT_EQ(receivers, std::vector(3, Errc::end_of_stream));
  EXPECT_EQ(senders, std::vector(3, Errc::broken_pipe));
  EXPECT_EQ(Value::alive, 0);
}

// Deadlines.

Task<> let_deadlines_pass(Engine& engine, Deadline::Duration patience) {
  Channel<Value> channel{1};
  const auto begin = Clock::now();
  EXPECT_EQ(code_of(co_await channel.receive(engine, Deadline::after(patience))), Errc::timed_out);
  EXPECT_GE(Clock::now() - begin, patience);
  EXPECT_TRUE(co_await channel.send(engine, Value{1}));
  EXPECT_EQ(code_of(co_await channel.send(engine, Value{2}, Deadline::after(patience))),
            Errc::timed_out);
  EXPECT_EQ((co_await channel.receive(engine, Deadline::after(0ns)))->number, 1);
  // Whoever has given up takes nothing: the next value is for the next receiver.
  EXPECT_TRUE(channel.try_send(Value{3}));
  EXPECT_EQ((co_await channel.receive(engine, Deadline::at(Clock::now() - 1s)))->number, 3);
  EXPECT_EQ(code_of(co_await channel.receive(engine, Deadline::at(Clock::now() - 1s))),
            Errc::timed_out);
}

TEST_P(ChannelTest, ADeadlineThatPassesLosesNoValue) {
  for (const auto limit : {0ms, 1ms, 10ms}) engine.run(let_deadlines_pass(engine, limit));
  EXPECT_EQ(Value::alive, 0);
}

/// What went in and what came out, under deadlines and cancels that meet the sends.
struct Counts {
  int sent = 0;
  int received = 0;
  int gave_up = 0;
};

Task<> receive_impatiently(Engine& engine, Channel<Value>& channel, Counts& counts,
                           const bool& ends) {
  int round = 0;
  while (!ends) {
    ++round;
    const auto patience = round % 3 * 500us;
    if (const auto value = co_await channel.receive(engine, Deadline::after(patience)))
      ++counts.received;
    else
      ++counts.gave_up;
    if (round % 16 == 0) (void)co_await engine.sleep(Deadline::after(100us));
  }
}

Task<> send_impatiently(Engine& engine, Channel<Value>& channel, Counts& counts) {
  for (int round = 0; round < 100; ++round) {
    if (co_await channel.send(engine, Value{round}, Deadline::after(round % 2 * 1ms)))
      ++counts.sent;
    else
      ++counts.gave_up;
    if (round % 4 == 0) (void)co_await engine.sleep(Deadline::after(500us));
  }
}

Task<> meet_impatiently(Engine& engine, Counts& counts) {
  Channel<Value> channel{1};
  bool ends = false;
  TaskScope senders{engine};
  TaskScope receivers{engine};
  EXPECT_TRUE(receivers.spawn(receive_impatiently(engine, channel, counts, ends)));
  EXPECT_TRUE(receivers.spawn(receive_impatiently(engine, channel, counts, ends)));
  EXPECT_TRUE(senders.spawn(send_impatiently(engine, channel, counts)));
  EXPECT_TRUE(senders.spawn(send_impatiently(engine, channel, counts)));
  co_await senders.join();
  ends = true;
  receivers.cancel();
  co_await receivers.join();
  while (channel.try_receive()) ++counts.received;
}

TEST_P(ChannelTest, DeadlinesThatMeetSendsNeitherLoseNorRepeatAValue) {
  Counts counts;
  engine.run(meet_impatiently(engine, counts));
  EXPECT_EQ(counts.received, counts.sent);
  EXPECT_GT(counts.gave_up, 0);
  EXPECT_EQ(Value::alive, 0);
}

Task<> receive_until_canceled(Engine& engine, Channel<Value>& channel, Counts& counts) {
  while (const auto value = co_await channel.receive(engine)) ++counts.received;
}

Task<> cancel_receivers(Engine& engine, Counts& counts) {
  Channel<Value> channel{2};
  for (int round = 0; round < 100; ++round) {
    TaskScope scope{engine};
    EXPECT_TRUE(scope.spawn(receive_until_canceled(engine, channel, counts)));
    EXPECT_TRUE(scope.spawn(receive_until_canceled(engine, channel, counts)));
    for (int value = 0; value < 1 + round % 4; ++value)
      if (co_await channel.send(engine, Value{value}, Deadline::after(0ns))) ++counts.sent;
    if (round % 2 == 0) scope.cancel();
    if (channel.try_send(Value{9})) ++counts.sent;
    scope.cancel();
    co_await scope.join();
  }
  while (channel.try_receive()) ++counts.received;
}

TEST_P(ChannelTest, CancelsThatMeetSendsNeitherLoseNorRepeatAValue) {
  Counts counts;
  engine.run(cancel_receivers(engine, counts));
  EXPECT_EQ(counts.received, counts.sent);
  EXPECT_GT(counts.sent, 0);
  EXPECT_EQ(Value::alive, 0);
}

HEADRACE_ON_EVERY_ENGINE(ChannelTest);

}  // namespace
}  // namespace headrace
