// SPDX-License-Identifier: MIT
//
// Deadlines, sleeps and idle timeouts as engines keep them: never early, not much late, nobody
// starved.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engines.hpp"
#include "engines/engine_core.hpp"
#include "headrace/task_scope.hpp"

namespace headrace {
namespace {

using namespace testing_support;

class EngineTime : public OnEveryEngine {
 protected:
  /// Whether the engine deals out the turns. Of a blocking one's threads the scheduler does.
  [[nodiscard]] static bool has_turns() { return GetParam() != EngineKind::blocking; }
};

Clock::duration since(Clock::time_point begin) { return Clock::now() - begin; }

void compute_for(Clock::duration time) {
  for (const auto begin = Clock::now(); since(begin) < time;) {
  }
}

// Never early.

Task<> sleep_and_look(Engine& engine, std::vector<Clock::duration> times) {
  for (const auto time : times) {
    auto begin = Clock::now();
    EXPECT_TRUE(co_await engine.sleep(Deadline::after(time)));
    EXPECT_GE(since(begin), time);
    begin = Clock::now();
    EXPECT_TRUE(co_await engine.sleep(Deadline::at(begin + time)));
    EXPECT_GE(since(begin), time);
  }
}

TEST_P(EngineTime, ASleepIsNeverTooShort) {
  engine.run(sleep_and_look(engine, {0ns, 1ns, 1us, 500us, 1ms, 1049us, 3ms, 17ms, 70ms}));
}

Task<> sleep_side_by_side(Engine& engine) {
  TaskScope scope{engine};
  for (int count = 0; count < 20; ++count)
    EXPECT_TRUE(scope.spawn(sleep_and_look(engine, {count * 1777us, 5ms})));
  co_await scope.join();
}

TEST_P(EngineTime, SleepsBesideOneAnotherAreNeverTooShort) {
  engine.run(sleep_side_by_side(engine));
}

Task<> let_receives_time_out(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  for (const auto time : {1us, 1000us, 7000us, 30000us, 2000us}) {
    auto begin = Clock::now();
    EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(time))), Errc::timed_out);
    EXPECT_GE(since(begin), time);
    begin = Clock::now();
    EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::at(begin + time))), Errc::timed_out);
    EXPECT_GE(since(begin), time);
  }
  wire.put("still good");
  const auto received = co_await wire.stream.receive(soon());
  EXPECT_EQ(received ? text_of(*received) : received.error().reason(), "still good");
}

TEST_P(EngineTime, ADeadlineIsNeverEarlyAndLeavesTheStreamUsable) {
  engine.run(let_receives_time_out(engine, PlainListener{}));
  engine.run(let_receives_time_out(engine, PlainListener{Transport::unix_stream}));
}

Task<> compute_then_receive(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  // A timer that stays keeps the engine's clock in use.
  EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(1ms))), Errc::timed_out);
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn([](Engine& on) -> Task<> { (void)co_await on.sleep(soon()); }(engine)));
  for (int round = 0; round < 3; ++round) {
    compute_for(40ms);
    const auto begin = Clock::now();
    EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(20ms))), Errc::timed_out);
    EXPECT_GE(since(begin), 20ms) << "counted from before the operation began";
  }
  scope.cancel();
  co_await scope.join();
}

TEST_P(EngineTime, ADeadlineCountsFromTheStartOfItsOperation) {
  engine.run(compute_then_receive(engine, PlainListener{}));
}

Task<> receive_at_a_past_deadline(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  wire.put("here already");
  const auto received = co_await wire.stream.receive(Deadline::at(Clock::now() - 1h));
  EXPECT_EQ(received ? text_of(*received) : received.error().reason(), "here already");
  EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::at(Clock::now() - 1h))),
            Errc::timed_out);
  EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(0ns))), Errc::timed_out);
}

TEST_P(EngineTime, BytesThatAreHereComeAlsoAfterTheDeadline) {
  engine.run(receive_at_a_past_deadline(engine, PlainListener{}));
}

// Not much late. The best of many tries, so that a busy machine does not matter.

constexpr auto kShort = 4ms;  // a tick and a little were promised for a sleep of 1 ms

Task<> best_of_sleeps(Engine& engine, Clock::duration& best) {
  for (const auto began = Clock::now(); best >= kShort && since(began) < kLong;) {
    const auto begin = Clock::now();
    (void)co_await engine.sleep(Deadline::after(1ms));
    best = std::min(best, since(begin));
  }
}

TEST_P(EngineTime, AShortSleepIsShort) {
  Clock::duration best = 1h;
  engine.run(best_of_sleeps(engine, best));
  EXPECT_LT(best, kShort);
}

Task<> send_to_one_who_does_not_read(Engine& engine, const PlainListener& listener,
                                     Clock::duration& took) {
  const std::string much = pattern(32 << 20);
  Wire wire = co_await connect_to(engine, listener);
  const auto begin = Clock::now();
  EXPECT_EQ(code_of(co_await wire.stream.send(bytes_of(much), Deadline::after(300ms))),
            Errc::timed_out);
  took = since(begin);
}

TEST_P(EngineTime, ASendThatWasDoneInPartStillEndsAtItsDeadline) {
  Clock::duration took{};
  engine.run(send_to_one_who_does_not_read(engine, PlainListener{}, took));
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, kLong) << "each part had all the time";
}

// Nobody is starved by those who sleep.

Task<> sleep_briefly(Engine& engine, Deadline (*until)(), const bool& ends, int& rounds) {
  while (!ends && rounds < 300) {
    ++rounds;
    compute_for(2ms);
    (void)co_await engine.sleep(until());
  }
}

Task<> wait_beside_sleepers(Engine& engine, const PlainListener& listener, Deadline (*until)(),
                            int& rounds) {
  Wire wire = co_await connect_to(engine, listener);
  bool ends = false;
  TaskScope scope{engine};
  for (int count = 0; count < 3; ++count)
    EXPECT_TRUE(scope.spawn(sleep_briefly(engine, until, ends, rounds)));
  EXPECT_TRUE(co_await engine.sleep(Deadline::after(3ms)));
  wire.put("x");
  // An event loop hears of these bytes only when it asks the kernel again.
  EXPECT_TRUE(co_await wire.stream.receive());
  ends = true;
  co_await scope.join();
}

TEST_P(EngineTime, ThoseWhoSleepAndComputeStarveNobody) {
  int rounds = 0;
  engine.run(
      wait_beside_sleepers(engine, PlainListener{}, [] { return Deadline::after(1ms); }, rounds));
  EXPECT_TRUE(rounds < 200 || !has_turns()) << rounds;
}

TEST_P(EngineTime, ThoseWhoSleepUntilThePastStarveNobody) {
  int rounds = 0;
  const auto past = [] { return Deadline::at(Clock::now() - 1ms); };
  engine.run(wait_beside_sleepers(engine, PlainListener{}, past, rounds));
  EXPECT_TRUE(rounds < 200 || !has_turns()) << rounds;
}

// The idle timeout: for a server's engine, so set as a server sets it.

constexpr auto kIdle = 150ms;

void set_idle_timeout(Engine& engine) {
  static_cast<detail::EngineCore&>(engine).set_idle_timeout(Deadline::after(kIdle));
}

Task<> idle_out(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  for (int round = 0; round < 2; ++round) {
    const auto begin = Clock::now();
    EXPECT_EQ(code_of(co_await wire.stream.receive()), Errc::timed_out);
    EXPECT_GE(since(begin), kIdle);
    EXPECT_LT(since(begin), kIdle + kLong / 2);
  }
  EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(10ms))), Errc::timed_out)
      << "its own is first";
}

TEST_P(EngineTime, AnIdleConnectionTimesOut) {
  set_idle_timeout(engine);
  engine.run(idle_out(engine, PlainListener{}));
}

Task<> outlast_the_idle_timeout(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  const Pipe silent;
  EXPECT_EQ(code_of(co_await engine.wait_ready(silent.reading, Direction::readable,
                                               Deadline::after(2 * kIdle))),
            Errc::timed_out);
  const auto begin = Clock::now();
  EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(2 * kIdle))), Errc::timed_out);
  EXPECT_GE(since(begin), 2 * kIdle) << "a deadline of its own takes the idle timeout's place";
}

TEST_P(EngineTime, ADeadlineOfItsOwnMayBeLongerThanTheIdleTimeout) {
  set_idle_timeout(engine);
  engine.run(outlast_the_idle_timeout(engine, PlainListener{}));
}

Task<> wait_for_a_connection(Engine& engine, Clock::duration& waited, Errc& end) {
  auto listener = Listener::open(engine, *Address::parse("tcp://127.0.0.1:0"));
  TaskScope scope{engine};
  const auto begin = Clock::now();
  EXPECT_TRUE(scope.spawn([](Listener& at, Errc& code) -> Task<> {
    code = code_of(co_await at.accept());
  }(*listener, end)));
  (void)co_await engine.sleep(Deadline::after(3 * kIdle));
  scope.cancel();
  co_await scope.join();
  waited = since(begin);
}

TEST_P(EngineTime, AListenerDoesNotTimeOutBecauseNobodyComes) {
  set_idle_timeout(engine);
  Clock::duration waited{};
  Errc end{};
  engine.run(wait_for_a_connection(engine, waited, end));
  EXPECT_EQ(end, Errc::canceled);
}

/// Takes a little every 20 ms: bytes move all the time, the send as a whole takes far longer than
/// the idle timeout. The longest time between two of them, when the scheduler holds us up.
Task<> read_slowly(Engine& engine, int peer, std::size_t all, Clock::duration pause,
                   Clock::duration& longest) {
  std::vector<char> bytes(1 << 20);
  auto last = Clock::now();
  for (std::size_t read = 0; read < all;) {
    longest = std::max(longest, since(std::exchange(last, Clock::now())));
    const ssize_t got = ::recv(peer, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) read += static_cast<std::size_t>(got);
    if (got == 0) co_return;
    (void)co_await engine.sleep(Deadline::after(pause));
  }
}

/// False where somebody was held up for so long that the send may have been idle.
Task<> send_slowly(Engine& engine, const PlainListener& listener, Clock::duration& took,
                   bool& undisturbed) {
  const std::string much = pattern(24 << 20);
  Wire wire = co_await connect_to(engine, listener);
  const int small = 256 * 1024;
  EXPECT_EQ(::setsockopt(wire.peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  TaskScope scope{engine};
  Clock::duration longest{};
  EXPECT_TRUE(scope.spawn(read_slowly(engine, wire.peer, much.size(), 20ms, longest)));
  const auto begin = Clock::now();
  const Result<> sent = co_await wire.stream.send(bytes_of(much));
  took = since(begin);
  scope.cancel();
  co_await scope.join();
  undisturbed = sent || longest < kIdle / 2;
  EXPECT_TRUE(sent || !undisturbed) << (sent ? "" : sent.error().reason());
}

TEST_P(EngineTime, ASendThatMovesBytesIsNotIdle) {
  set_idle_timeout(engine);
  Clock::duration took{};
  bool undisturbed = false;
  for (int tries = 0; tries < 10 && !undisturbed; ++tries)
    engine.run(send_slowly(engine, PlainListener{}, took, undisturbed));
  EXPECT_TRUE(undisturbed);
  EXPECT_GT(took, 2 * kIdle) << "too quick to prove anything";
}

HEADRACE_ON_EVERY_ENGINE(EngineTime);

}  // namespace
}  // namespace headrace
