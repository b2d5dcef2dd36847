// SPDX-License-Identifier: MIT
#include "headrace/task_scope.hpp"

#include <algorithm>
#include <string>
#include <thread>

#include "engines.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using TaskScopeTest = OnEveryEngine;

Task<> note(std::string& story, char letter) {
  story += letter;
  co_return;
}

Task<> note_after(Engine& engine, std::string& story, char letter, Deadline::Duration delay) {
  (void)co_await engine.sleep(Deadline::after(delay));
  story += letter;
}

// Spawning and joining.

Task<> join_nothing(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  co_await scope.join();
  EXPECT_EQ(scope.running(), 0U);
  story += 'j';
}

TEST_P(TaskScopeTest, WithNothingSpawnedIsJoinedAtOnce) {
  std::string story;
  engine.run(join_nothing(engine, story));
  EXPECT_EQ(story, "j");
}

Task<> join_three(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(note_after(engine, story, 'c', 60ms)));
  EXPECT_TRUE(scope.spawn(note_after(engine, story, 'b', 30ms)));
  EXPECT_TRUE(scope.spawn(note(story, 'a')));
  co_await scope.join();
  EXPECT_EQ(scope.running(), 0U);
  story += 'j';
}

TEST_P(TaskScopeTest, JoinWaitsForEveryTask) {
  std::string story;
  engine.run(join_three(engine, story));
  if (GetParam() == EngineKind::blocking)  // whose threads the scheduler may hold up
    std::ranges::sort(story.begin(), story.begin() + 3);
  EXPECT_EQ(story, "abcj");
}

Task<> spawn_another(Engine& engine, TaskScope& scope, std::string& story, int more) {
  (void)co_await engine.sleep(Deadline::after(1ms));
  story += static_cast<char>('0' + more);
  if (more == 0) co_return;
  EXPECT_TRUE(scope.spawn(spawn_another(engine, scope, story, more - 1)));
}

Task<> join_those_spawned_meanwhile(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(spawn_another(engine, scope, story, 3)));
  co_await scope.join();
  story += 'j';
}

TEST_P(TaskScopeTest, JoinWaitsForTasksSpawnedMeanwhile) {
  std::string story;
  engine.run(join_those_spawned_meanwhile(engine, story));
  EXPECT_EQ(story, "3210j");
}

Task<> join_twice(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  for (const char letter : {'a', 'b'}) {
    EXPECT_TRUE(scope.spawn(note_after(engine, story, letter, 1ms)));
    co_await scope.join();
    story += 'j';
  }
}

TEST_P(TaskScopeTest, CanBeUsedAgainAfterAJoin) {
  std::string story;
  engine.run(join_twice(engine, story));
  EXPECT_EQ(story, "ajbj");
}

Task<> inner(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(note_after(engine, story, 'i', 20ms)));
  co_await scope.join();
  story += '1';
}

Task<> outer(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(inner(engine, story)));
  co_await scope.join();
  story += '2';
}

TEST_P(TaskScopeTest, NestedScopesEndFromTheInside) {
  std::string story;
  engine.run(outer(engine, story));
  EXPECT_EQ(story, "i12");
}

Task<> spawn_many(Engine& engine, std::string& story) {
  TaskScope scope{engine};
  for (int count = 0; count < 200; ++count) {
    EXPECT_TRUE(scope.spawn(note_after(engine, story, 'x', count % 2 * 1ms)));
    if (count % 50 == 0) co_await scope.join();
  }
  co_await scope.join();
}

TEST_P(TaskScopeTest, TakesManyTasks) {
  std::string story;
  engine.run(spawn_many(engine, story));
  EXPECT_EQ(story.size(), 200U);
}

Task<> leave_without_joining(Engine& engine) {
  const Pipe silent;
  {
    TaskScope scope{engine};
    EXPECT_TRUE(scope.spawn([](Engine& on, int descriptor) -> Task<> {
      (void)co_await on.wait_ready(descriptor, Direction::readable);
    }(engine, silent.reading)));
  }
  co_return;
}

TEST_P(TaskScopeTest, DestroyedWithATaskStillRunningEndsTheProgram) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(engine.run(leave_without_joining(engine)), "TaskScope");
}

// One at a time: between two operations no other task of the connection runs.

struct Shared {
  long counter = 0;  // not atomic
  int inside = 0;
  int most_inside = 0;
};

Task<> work(Engine& engine, Shared& shared, int always_readable) {
  for (int round = 0; round < 200; ++round) {
    shared.most_inside = std::max(shared.most_inside, ++shared.inside);
    for (int step = 0; step < 100; ++step) ++shared.counter;
    --shared.inside;
    EXPECT_TRUE(co_await engine.wait_ready(always_readable, Direction::readable));
  }
}

Task<> work_in_three_tasks(Engine& engine, Shared& shared) {
  const Pipe pipe;
  pipe.put("x");
  const std::array descriptors{Plain{::dup(pipe.reading)},
                               Plain{::dup(pipe.reading)}};  // one wait for each
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(work(engine, shared, descriptors[0])));
  EXPECT_TRUE(scope.spawn(work(engine, shared, descriptors[1])));
  co_await work(engine, shared, pipe.reading);
  co_await scope.join();
}

TEST_P(TaskScopeTest, TasksRunOneAtATime) {
  Shared shared;
  engine.run(work_in_three_tasks(engine, shared));
  EXPECT_EQ(shared.counter, 3 * 200 * 100);
  EXPECT_EQ(shared.most_inside, 1);
}

Task<> nested_work(Engine& engine, Shared& shared, Channel<int>& turns) {
  for (int round = 0; round < 100; ++round) {
    shared.most_inside = std::max(shared.most_inside, ++shared.inside);
    ++shared.counter;
    --shared.inside;
    EXPECT_TRUE(co_await turns.send(engine, round));
    EXPECT_TRUE(co_await turns.receive(engine));
  }
}

Task<> nest(Engine& engine, Shared& shared, Channel<int>& turns, int depth) {
  TaskScope scope{engine};
  const Result<> spawned =
      depth == 0 ? Result<>{} : scope.spawn(nest(engine, shared, turns, depth - 1));
  EXPECT_TRUE(spawned);
  co_await nested_work(engine, shared, turns);
  co_await scope.join();
}

TEST_P(TaskScopeTest, TasksOfNestedScopesRunOneAtATimeToo) {
  Shared shared;
  Channel<int> turns{8};
  engine.run(nest(engine, shared, turns, 3));
  EXPECT_EQ(shared.counter, 4 * 100);
  EXPECT_EQ(shared.most_inside, 1);
}

HEADRACE_ON_EVERY_ENGINE(TaskScopeTest);

}  // namespace
}  // namespace headrace
