// SPDX-License-Identifier: MIT
//
// TaskScope::cancel: whatever a task waits in completes with `canceled`. What is not told apart in
// the names is told by `Waits`: the operation in flight. A broken cancel ends the waits at
// `soon()`, and the code shows it.
#include <functional>
#include <optional>
#include <string>

#include "engines.hpp"
#include "headrace/task_scope.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using CancelTest = OnEveryEngine;

/// What the operations that are cancelled act on.
struct Place {
  Engine& engine;
  Channel<int> empty{1};
  Channel<int> full{1};
  Pipe pipe{};
  PlainListener plain{};
  std::optional<Wire> wire{};
  std::optional<Listener> listener{};
  std::string flood = pattern(8 << 20);
  std::vector<Errc> ends{};

  explicit Place(Engine& on) : engine{on} { (void)full.try_send(1); }
};

using Wait = Task<Result<>> (*)(Place&);

template <class T>
Result<> without_value(const Result<T>& result) {
  return result ? Result<>{} : Result<>{std::unexpected(result.error())};
}

Task<Result<>> sleeping(Place& place) { co_return co_await place.engine.sleep(Deadline::never()); }
Task<Result<>> sleeping_for_a_time(Place& place) { co_return co_await place.engine.sleep(soon()); }
Task<Result<>> receiving_from_a_channel(Place& place) {
  co_return without_value(co_await place.empty.receive(place.engine, soon()));
}
Task<Result<>> sending_to_a_channel(Place& place) {
  co_return co_await place.full.send(place.engine, 2, soon());
}
Task<Result<>> waiting_for_a_pipe(Place& place) {
  co_return co_await place.engine.wait_ready(place.pipe.reading, Direction::readable, soon());
}
Task<Result<>> receiving(Place& place) {
  co_return without_value(co_await place.wire->stream.receive(soon()));
}
Task<Result<>> sending(Place& place) {
  co_return co_await place.wire->stream.send(bytes_of(place.flood), soon());
}
Task<Result<>> accepting(Place& place) {
  co_return without_value(co_await place.listener->accept(soon()));
}

struct Waits {
  const char* name;
  Wait wait;
};
constexpr std::array kWaits{
    Waits{"sleep", sleeping},
    Waits{"sleep for a time", sleeping_for_a_time},
    Waits{"receive from a channel", receiving_from_a_channel},
    Waits{"send to a channel", sending_to_a_channel},
    Waits{"wait_ready", waiting_for_a_pipe},
    Waits{"receive", receiving},
    Waits{"send", sending},
    Waits{"accept", accepting},
};

Task<> set_up(Place& place) {
  place.wire.emplace(co_await connect_to(place.engine, place.plain));
  auto listener = Listener::open(place.engine, *Address::parse("tcp://127.0.0.1:0"));
  EXPECT_TRUE(listener);
  if (listener) place.listener.emplace(std::move(*listener));
}

Task<> wait_and_note(Place& place, Wait wait) {
  const Result<> result = co_await wait(place);
  place.ends.push_back(result ? Errc{} : result.error().code);
}

Task<> cancel_in_flight(Place& place, Wait wait) {
  co_await set_up(place);
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(wait_and_note(place, wait)));
  (void)co_await place.engine.sleep(
      Deadline::after(5ms));  // it waits by now; if not, that is fine too
  scope.cancel();
  scope.cancel();
  co_await scope.join();
}

TEST_P(CancelTest, WakesATaskThatWaits) {
  for (const Waits& waits : kWaits) {
    Place place{engine};
    const auto begin = Clock::now();
    engine.run(cancel_in_flight(place, waits.wait));
    EXPECT_EQ(place.ends, std::vector{Errc::canceled}) << waits.name;
    EXPECT_LT(Clock::now() - begin, kLong / 2) << waits.name;
  }
}

Task<> cancel_about_to_wait(Place& place, Wait wait) {
  co_await set_up(place);
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(wait_and_note(place, wait)));
  scope.cancel();  // a thread of its own has not begun by now
  co_await scope.join();
}

TEST_P(CancelTest, ReachesATaskThatIsAboutToWait) {
  for (const Waits& waits : kWaits) {
    Place place{engine};
    engine.run(cancel_about_to_wait(place, waits.wait));
    EXPECT_EQ(place.ends, std::vector{Errc::canceled}) << waits.name;
  }
}

Task<> wait_again_and_again(Place& place, Wait wait) {
  for (int round = 0; round < 40; ++round) co_await wait_and_note(place, wait);
}

Task<> cancel_once(Place& place, Wait wait) {
  co_await set_up(place);
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(wait_again_and_again(place, wait)));
  scope.cancel();
  co_await scope.join();
}

TEST_P(CancelTest, SticksToTheTask) {
  for (const Waits& waits : kWaits) {
    Place place{engine};
    engine.run(cancel_once(place, waits.wait));
    EXPECT_EQ(place.ends, std::vector(40, Errc::canceled)) << waits.name;
  }
}

Task<> spawn_after_cancel(Engine& engine, std::string& story) {
  const auto body = [](std::string& told) -> Task<> {
    told += "ran";
    co_return;
  };
  TaskScope scope{engine};
  scope.cancel();
  EXPECT_EQ(code_of(scope.spawn(body(story))), Errc::canceled);
  co_await scope.join();
}

TEST_P(CancelTest, LetsNoTaskInAfterwards) {
  std::string story;
  engine.run(spawn_after_cancel(engine, story));
  EXPECT_EQ(story, "");
}

Task<> cancel_own_scope(Place& place, TaskScope& own) {
  own.cancel();
  co_await wait_and_note(place, sleeping);
}

Task<> let_a_task_cancel_its_scope(Place& place) {
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(wait_and_note(place, receiving_from_a_channel)));
  EXPECT_TRUE(scope.spawn(cancel_own_scope(place, scope)));
  co_await scope.join();
}

TEST_P(CancelTest, MayComeFromATaskOfTheScope) {
  Place place{engine};
  engine.run(let_a_task_cancel_its_scope(place));
  EXPECT_EQ(place.ends, std::vector(2, Errc::canceled));
}

// Tasks of a nested scope belong to the task that is cancelled; nobody else could end them.
Task<> nest_a_wait(Place& place, Wait wait) {
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(wait_and_note(place, wait)));
  co_await scope.join();
}

Task<> cancel_around_a_nested_scope(Place& place, Wait wait) {
  co_await set_up(place);
  TaskScope scope{place.engine};
  EXPECT_TRUE(scope.spawn(nest_a_wait(place, wait)));
  (void)co_await place.engine.sleep(Deadline::after(5ms));
  scope.cancel();
  co_await scope.join();
}

TEST_P(CancelTest, ReachesTasksOfNestedScopes) {
  for (const Waits& waits : {kWaits[2], kWaits[5]}) {
    Place place{engine};
    engine.run(cancel_around_a_nested_scope(place, waits.wait));
    EXPECT_EQ(place.ends, std::vector{Errc::canceled}) << waits.name;
  }
}

// A cancelled task may still have something to do; whoever joins it waits for that, cancelled or
// not.
Task<> tidy_up_when_canceled(Engine& engine, std::string& story) {
  (void)co_await engine.sleep(soon());
  for (const auto begin = Clock::now(); Clock::now() < begin + 20ms;) {
  }
  story += 'i';
}

Task<> join_when_canceled(Engine& engine, std::string& story) {
  TaskScope inner{engine};
  EXPECT_TRUE(inner.spawn(tidy_up_when_canceled(engine, story)));
  co_await inner.join();
  story += 'j';
}

Task<> cancel_one_who_joins(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(join_when_canceled(engine, story)));
  (void)co_await engine.sleep(Deadline::after(5ms));
  scope.cancel();
  co_await scope.join();
}

TEST_P(CancelTest, DoesNotEndAJoin) {
  std::string story;
  engine.run(cancel_one_who_joins(engine, story));
  EXPECT_EQ(story, "ij");
}

// Cancelling what ends by itself at the same moment.

Task<> sleep_and_note(Place& place, Deadline until) {
  const Result<> slept = co_await place.engine.sleep(until);
  place.ends.push_back(slept ? Errc{} : slept.error().code);
}

Task<> sleep_and_cancel(Engine& engine, Deadline until, TaskScope& others) {
  (void)co_await engine.sleep(until);
  others.cancel();
}

Task<> cancel_when_all_are_due(Place& place) {
  const Deadline until = Deadline::at(Clock::now() + 5ms);
  TaskScope scope{place.engine};
  TaskScope canceler{place.engine};
  for (int count = 0; count < 3; ++count) EXPECT_TRUE(scope.spawn(sleep_and_note(place, until)));
  EXPECT_TRUE(canceler.spawn(sleep_and_cancel(place.engine, until, scope)));
  for (int count = 0; count < 3; ++count) {
    if (scope.spawn(sleep_and_note(place, until))) continue;
    place.ends.push_back(Errc::canceled);  // late, under threads
  }
  co_await canceler.join();
  co_await scope.join();
}

TEST_P(CancelTest, OfSleepsThatAreDueInTheSameMomentEndsEachOnce) {
  for (int round = 0; round < 20; ++round) {
    Place place{engine};
    engine.run(cancel_when_all_are_due(place));
    EXPECT_EQ(place.ends.size(), 6U);
  }
}

Task<> sleep_without_waiting(Engine& engine, int& slept) {
  for (int count = 0; count < 100; ++count)
    if (co_await engine.sleep(Deadline::after(0ns))) ++slept;
}

Task<> cancel_one_that_gave_way(Engine& engine, int& slept) {
  TaskScope scope{engine};
  // It finishes sleeps in line until its turn is over; the one that ends its turn has finished too.
  EXPECT_TRUE(scope.spawn(sleep_without_waiting(engine, slept)));
  scope.cancel();
  co_await scope.join();
}

TEST_P(CancelTest, OfATaskThatOnlyGaveWayToOthersEndsItOnce) {
  int slept = 0;
  engine.run(cancel_one_that_gave_way(engine, slept));
  EXPECT_LT(slept, 100);
}

// Under threads the signal may come just before the call that it is to interrupt.
Task<> cancel_many_times(Place& place) {
  co_await set_up(place);
  for (int round = 0; round < 100; ++round) {
    TaskScope scope{place.engine};
    EXPECT_TRUE(scope.spawn(wait_and_note(place, receiving)));
    EXPECT_TRUE(scope.spawn(wait_and_note(place, sending_to_a_channel)));
    if (round % 2 == 1) (void)co_await place.engine.sleep(Deadline::after(round * 1us));
    scope.cancel();
    co_await scope.join();
  }
}

TEST_P(CancelTest, IsNeverLost) {
  Place place{engine};
  engine.run(cancel_many_times(place));
  EXPECT_EQ(place.ends, std::vector(200, Errc::canceled));
}

HEADRACE_ON_EVERY_ENGINE(CancelTest);

}  // namespace
}  // namespace headrace
