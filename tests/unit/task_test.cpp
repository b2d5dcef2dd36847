// SPDX-License-Identifier: MIT
#include "headrace/task.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <pthread.h>
#include <sys/wait.h>

#include "engines.hpp"

namespace headrace {
namespace {

using namespace testing_support;

/// Like a Stream: notes when it is destroyed, moves but does not copy.
class Noting {
 public:
  Noting(std::string& story, char letter) noexcept : story_{&story}, letter_{letter} {}
  Noting(Noting&& other) noexcept
      : story_{std::exchange(other.story_, nullptr)}, letter_{other.letter_} {}
  Noting& operator=(Noting&&) = delete;
  ~Noting() {
    if (story_ != nullptr) *story_ += letter_;
  }

 private:
  std::string* story_;
  char letter_;
};

using TaskTest = OnEveryEngine;

Task<> tell(Noting, std::string& story, char letter) {
  story += letter;
  co_return;
}

TEST(Task, NeverAwaitedDoesNotRunAndLetsGoOfItsParameters) {
  std::string story;
  {
    const Task<> task = tell(Noting{story, 'd'}, story, 'r');
    EXPECT_EQ(story, "");
  }
  EXPECT_EQ(story, "d");
}

TEST(Task, MovedFromIsEmpty) {
  std::string story;
  {
    Task<> first = tell(Noting{story, 'd'}, story, 'r');
    const Task<> second = std::move(first);
    EXPECT_EQ(story, "");
  }
  EXPECT_EQ(story, "d") << "destroyed once";
}

TEST(Task, AssignedOverIsDestroyedToo) {
  std::string story;
  {
    Task<> first = tell(Noting{story, '1'}, story, 'r');
    first = tell(Noting{story, '2'}, story, 'r');
  }
  std::ranges::sort(story);
  EXPECT_EQ(story, "12");
}

TEST_P(TaskTest, MovedTaskRunsOnceWhereItIsAwaited) {
  std::string story;
  const auto body = [](std::string& told) -> Task<> {
    Task<> made = tell(Noting{told, 'd'}, told, 'r');
    Task<> moved = std::move(made);
    told += '(';
    co_await moved;
    told += ')';
  };
  engine.run(body(story));
  EXPECT_EQ(story, "(r)d");
}

Task<> root(Noting, std::string& story, Engine& engine) {
  const Noting local{story, 'l'};
  (void)co_await engine.sleep(Deadline::after(1us));
  story += 'e';
}

TEST_P(TaskTest, ParameterOfARootIsDestroyedWhenTheRootEnds) {
  std::string story;
  engine.run(root(Noting{story, 'p'}, story, engine));
  EXPECT_EQ(story, "elp");
}

Task<> join_a_spawned_root(std::string& story, Engine& engine) {
  TaskScope scope{engine};
  (void)scope.spawn(root(Noting{story, 'p'}, story, engine));
  co_await scope.join();
  story += 'j';
}

TEST_P(TaskTest, ParameterOfASpawnedRootIsDestroyedBeforeItsScopeIsJoined) {
  std::string story;
  engine.run(join_a_spawned_root(story, engine));
  EXPECT_EQ(story, "elpj");
}

Task<> await_children(std::string& story, Engine& engine) {
  co_await tell(Noting{story, 'd'}, story, 'r');
  story += ';';
  co_await root(Noting{story, 'p'}, story, engine);
  story += ';';
}

TEST_P(TaskTest, ParameterOfAChildIsDestroyedAtTheEndOfItsAwait) {
  std::string story;
  engine.run(await_children(story, engine));
  EXPECT_EQ(story, "rd;elp;");
}

// Results.

template <class T>
Task<T> give(T value, Engine* waits) {
  if (waits != nullptr) (void)co_await waits->sleep(Deadline::after(1us));
  co_return value;
}

TEST_P(TaskTest, ValuesComeBackWhetherTheChildWaitsOrNot) {
  const auto body = [](Engine& on) -> Task<> {
    for (Engine* const waits : {static_cast<Engine*>(nullptr), &on}) {
      EXPECT_EQ(co_await give(42, waits), 42);
      EXPECT_EQ(co_await give(std::string(100, 'x'), waits), std::string(100, 'x'));
      const auto owned = co_await give(std::make_unique<int>(7), waits);
      EXPECT_EQ(*owned, 7);
      const auto failed = co_await give(Result<int>{fail(Errc::refused, "test")}, waits);
      EXPECT_EQ(code_of(failed), Errc::refused);
    }
  };
  engine.run(body(engine));
}

struct Counted {
  static inline int alive = 0;
  Counted() noexcept { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --alive; }
};

TEST_P(TaskTest, ResultsAreDestroyedAsOftenAsTheyAreMade) {
  const auto body = [](Engine& on) -> Task<> {
    for (Engine* const waits : {static_cast<Engine*>(nullptr), &on}) {
      const Counted kept = co_await give(Counted{}, waits);
      (void)co_await give(Counted{}, waits);
      EXPECT_EQ(Counted::alive, 1);
    }
  };
  engine.run(body(engine));
  EXPECT_EQ(Counted::alive, 0);
}

// GCC 12 lays the frame of a coroutine out wrongly when it awaits in the condition of an `if` or a
// loop and declares no variable: its handle then misses the frame by 8 bytes. That must not go
// unnoticed: right, or a message and the end.
Task<int> give_now(int value) { co_return value; }

Task<> await_in_a_condition(int& rounds) {
  while (co_await give_now(rounds) < 3) ++rounds;
}

TEST_P(TaskTest, AConditionMayAwaitInACoroutineWithoutVariables) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto right_or_refused = [](int status) {
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  };
  const auto run = [this] {
    int rounds = 0;
    engine.run(await_in_a_condition(rounds));
    (void)std::fputs(rounds == 3 ? "right" : "wrong", stderr);
    std::exit(rounds == 3 ? 0 : 1);
  };
  EXPECT_EXIT(run(), right_or_refused, "right|compiler");
}

TEST_P(TaskTest, AnExceptionThatLeavesTheBodyEndsTheProgram) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto body = []() -> Task<> {
    throw std::runtime_error{"nobody catches me"};
    co_return;
  };
  EXPECT_DEATH(engine.run(body()), "");
}

TEST_P(TaskTest, AnEngineRunsOneTaskAfterAnother) {
  std::string story;
  engine.run(root(Noting{story, 'p'}, story, engine));
  engine.run(root(Noting{story, 'q'}, story, engine));
  EXPECT_EQ(story, "elpelq");
}

// Loops of awaits: where the stack stands is looked at in every child.

// 10 million; a sanitizer is too slow for that.
constexpr std::uint64_t kAwaits = kSlowness == 1 ? 10'000'000 : 1'000'000;

struct Stack {
  std::uintptr_t lowest = ~std::uintptr_t{0};
  std::uintptr_t highest = 0;
  [[nodiscard]] std::uintptr_t used() const noexcept { return highest - lowest; }
};

[[gnu::noinline]] void look_at(Stack& stack) noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  stack.lowest = std::min(stack.lowest, here);
  stack.highest = std::max(stack.highest, here);
}

/// Runs `task` on a stack that growth would soon leave.
template <class Body>
void run_on_a_small_stack(Body body) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, kSlowness * 256 * 1024), 0);
  pthread_t thread{};
  const auto start = [](void* given) -> void* {
    (*static_cast<Body*>(given))();
    return nullptr;
  };
  ASSERT_EQ(::pthread_create(&thread, &attributes, start, &body), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
}

Task<> leaf(Stack& stack) {
  look_at(stack);
  co_return;
}

Task<std::uint64_t> leaf_with_value(Stack& stack, std::uint64_t value) {
  look_at(stack);
  co_return value + 1;
}

Task<> nested(Stack& stack, int depth) {
  if (depth == 0) co_return look_at(stack);
  co_await nested(stack, depth - 1);
}

Task<> often(Stack& stack, std::uint64_t& done) {
  for (; done < kAwaits; ++done) co_await leaf(stack);
}

Task<> often_with_value(Stack& stack, std::uint64_t& done) {
  while (done < kAwaits) done = co_await leaf_with_value(stack, done);
}

Task<> often_three_deep(Stack& stack, std::uint64_t& done) {
  for (; done < kAwaits; done += 3) co_await nested(stack, 2);
}

/// Sleeps that have passed do not wait, but for one in every turn budget.
Task<> now_and_then(Engine& engine, Stack& stack, std::uint64_t round) {
  look_at(stack);
  if (round % 2 == 0) (void)co_await engine.sleep(Deadline::after(0ns));
  look_at(stack);
}

Task<> alternating(Engine& engine, Stack& stack, std::uint64_t& done) {
  for (; done < kAwaits / 10; ++done) co_await now_and_then(engine, stack, done);
}

class LongLoop : public OnEveryEngine {
 protected:
  template <class... Arguments>
  void expect_no_growth(Task<> (*body)(Arguments...), std::uint64_t at_least, auto&&... given) {
    Stack stack;
    std::uint64_t done = 0;
    run_on_a_small_stack([&] { engine.run(body(given..., stack, done)); });
    EXPECT_GE(done, at_least);
    EXPECT_LT(stack.used(), 8192U);
  }
};

TEST_P(LongLoop, OfChildrenThatNeverWaitUsesNoStack) { expect_no_growth(often, kAwaits); }

TEST_P(LongLoop, OfChildrenWithValuesUsesNoStack) { expect_no_growth(often_with_value, kAwaits); }

TEST_P(LongLoop, OfNestedChildrenUsesNoStack) { expect_no_growth(often_three_deep, kAwaits); }

TEST_P(LongLoop, OfChildrenThatSometimesWaitUsesNoStack) {
  expect_no_growth(alternating, kAwaits / 10, engine);
}

Task<> send_many(Engine& engine, Channel<std::uint64_t>& channel, std::uint64_t count) {
  for (std::uint64_t value = 0; value < count; ++value) (void)co_await channel.send(engine, value);
  channel.close();
}

Task<std::uint64_t> receive_one(Engine& engine, Channel<std::uint64_t>& channel, Stack& stack) {
  look_at(stack);
  const auto value = co_await channel.receive(engine);
  look_at(stack);
  co_return value ? *value + 1 : 0;
}

Task<> relay(Engine& engine, Stack& stack, std::uint64_t& done) {
  Channel<std::uint64_t> channel{7};
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(send_many(engine, channel, kAwaits / 100)));
  while (const std::uint64_t received = co_await receive_one(engine, channel, stack))
    done = received;
  co_await scope.join();
}

TEST_P(LongLoop, OfChildrenThatReceiveFromAChannelUsesNoStack) {
  expect_no_growth(relay, kAwaits / 100, engine);
}

HEADRACE_ON_EVERY_ENGINE(TaskTest);
// Long, and the loops share the code that it is about: one of each kind.
INSTANTIATE_TEST_SUITE_P(Engines, LongLoop,
                         testing::Values(EngineKind::blocking, EngineKind::epoll_edge),
                         [](const auto& test) { return name_of(test.param); });

}  // namespace
}  // namespace headrace
