// SPDX-License-Identifier: MIT
#include <array>
#include <set>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "headrace/headrace.hpp"
#include "headrace/model.hpp"

namespace headrace {
namespace {

TEST(Models, StandInTheOrderOfTheirEnumeration) {
  ASSERT_EQ(all_models().size(), static_cast<std::size_t>(Model::io_uring) + 1);
  for (std::size_t index = 0; index < all_models().size(); ++index) {
    const ModelInfo& row = all_models()[index];
    EXPECT_EQ(static_cast<std::size_t>(row.model), index);
    EXPECT_EQ(&info(row.model), &row);
  }
}

TEST(Models, AreFoundByTheirNames) {
  std::set<std::string> names;
  for (const ModelInfo& row : all_models()) {
    EXPECT_EQ(find_model(row.name), &row);
    EXPECT_TRUE(names.emplace(row.name).second) << row.name << " twice";
  }
  for (const char* const unknown : {"", "epoll", "epoll_edge", "EPOLL-EDGE", "thread "})
    EXPECT_EQ(find_model(unknown), nullptr);
}

TEST(Models, OfLoopsAreNamedAfterTheirEngine) {
  for (const ModelInfo& row : all_models()) {
    if (row.launcher != LauncherKind::event_loop) {
      EXPECT_EQ(row.engine, EngineKind::blocking) << row.name;
      continue;
    }
    EXPECT_EQ(row.name, to_text(row.engine));
    EXPECT_EQ(row.default_workers, 1U);
  }
}

TEST(Models, SayWhatTheyAre) {
  for (const ModelInfo& row : all_models()) {
    EXPECT_FALSE(row.summary.empty()) << row.name;
    EXPECT_FALSE(row.limit.empty()) << row.name;
    EXPECT_EQ(row.workers.empty(), row.default_workers == 0) << row.name;
    EXPECT_FALSE(to_text(row.launcher).empty()) << row.name;
    EXPECT_FALSE(to_text(row.engine).empty()) << row.name;
  }
}

TEST(Models, NameTheirWorkersAsOneCountsThem) {
  EXPECT_EQ(workers_text(info(Model::prefork), 32), "children");
  EXPECT_EQ(workers_text(info(Model::prefork), 1), "child");
  EXPECT_EQ(workers_text(info(Model::pool), 1), "thread");
  EXPECT_EQ(workers_text(info(Model::epoll_edge), 1), "loop");
  EXPECT_EQ(workers_text(info(Model::epoll_edge), 2), "loops");
  EXPECT_EQ(workers_text(info(Model::thread), 1), "");
}

TEST(Models, RunWhenTheyAreBuilt) {
  for (const ModelInfo& row : all_models()) {
    const Result<> possible = can_run(row.model);
    if (row.built) {
      EXPECT_TRUE(possible || possible.error().code == Errc::not_supported) << row.name;
    } else {
      ASSERT_FALSE(possible) << row.name;
      EXPECT_EQ(possible.error().code, Errc::not_supported);
      EXPECT_NE(std::string_view{possible.error().call}, "") << "says what is missing";
    }
  }
  for (const Model built :
       {Model::iterative, Model::process, Model::prefork, Model::thread, Model::pool,
        Model::polling, Model::select, Model::poll, Model::epoll_level, Model::epoll_edge})
    EXPECT_TRUE(can_run(built));
}

TEST(Models, TheBestIsALoopThatRunsHere) {
  const ModelInfo& best = info(best_model());
  EXPECT_EQ(best.launcher, LauncherKind::event_loop);
  EXPECT_TRUE(can_run(best.model)) << best.name;
  EXPECT_EQ(best.model == Model::io_uring, can_run(Model::io_uring).has_value());
}

TEST(Engines, AreOfTheKindAskedFor) {
  for (const ModelInfo& row : all_models()) {
    const auto engine = Engine::create(row.engine);
    if (engine) {
      EXPECT_EQ((*engine)->kind(), row.engine);
    } else {
      EXPECT_EQ(engine.error().code, Errc::not_supported);
    }
  }
}

// What a user writes.

Task<> plain(Stream) { co_return; }
struct Room {};
Task<> with_room(Room&, Stream) { co_return; }

static_assert(std::is_convertible_v<Task<> (*)(Stream), Service>);
static_assert(std::is_constructible_v<Service, Task<> (*)(Room&, Stream), Room&>);
static_assert(std::is_convertible_v<const char*, AddressList>);
static_assert(std::is_convertible_v<std::string_view, AddressList>);
static_assert(std::is_convertible_v<std::span<const std::string_view>, AddressList>);
static_assert(std::is_convertible_v<unsigned, Workers> && std::is_convertible_v<unsigned, Limit>);
static_assert(!std::is_copy_constructible_v<Stream> &&
              std::is_nothrow_move_constructible_v<Stream>);
static_assert(!std::is_copy_constructible_v<Listener> &&
              std::is_nothrow_move_constructible_v<Listener>);
static_assert(!std::is_copy_constructible_v<Buffer> &&
              std::is_nothrow_move_constructible_v<Buffer>);
static_assert(!std::is_copy_constructible_v<Task<>> &&
              std::is_nothrow_move_constructible_v<Task<>>);
static_assert(!std::is_move_constructible_v<Awaitable<Result<Buffer>>>);
static_assert(!std::is_move_constructible_v<TaskScope>);
static_assert(std::is_trivially_copyable_v<Failure> && sizeof(Failure) == 16);
static_assert(std::is_trivially_copyable_v<Deadline> && std::is_copy_constructible_v<Address>);

TEST(Services, ConvertFromPlainFunctions) {
  const Service service = plain;
  EXPECT_EQ(service.needs, Needs::nothing);
  EXPECT_EQ(service.concurrency, Concurrency::unlimited);
  Room room;
  const Service with_state =
      Service{with_room, room}.needing(Needs::shared_memory).serving(Concurrency::one);
  EXPECT_EQ(with_state.needs, Needs::shared_memory);
  EXPECT_EQ(with_state.concurrency, Concurrency::one);
}

TEST(AddressLists, AreOneOrMany) {
  const AddressList one = "tcp://127.0.0.1:1";
  ASSERT_EQ(one.texts().size(), 1U);
  EXPECT_EQ(one.texts()[0], "tcp://127.0.0.1:1");
  const AddressList copied = one;
  EXPECT_EQ(copied.texts()[0], "tcp://127.0.0.1:1");
  constexpr std::array<std::string_view, 2> kTwo{"1", "2"};
  const AddressList many{std::span<const std::string_view>{kTwo}};
  EXPECT_EQ(many.texts().size(), 2U);
}

TEST(Limits, AreANumberOrNoneOrWhatSuits) {
  EXPECT_EQ(Limit{0U}.number(), 0U);
  EXPECT_EQ(Limit{100}.number(), 100U);  // an int is a number like any other
  EXPECT_EQ((ServeOptions{.max_connections = 100}.max_connections.number()), 100U);
  EXPECT_FALSE(Limit{~0U}.is_none() || Limit{~0U}.is_automatic());
  EXPECT_TRUE(Limit::none().is_none());
  EXPECT_TRUE(Limit::automatic().is_automatic());
  EXPECT_TRUE(Workers::automatic().is_automatic());
  EXPECT_TRUE(Workers::by_model().is_by_model());
  EXPECT_EQ(Workers{3}.count(), 3U);
}

}  // namespace
}  // namespace headrace
