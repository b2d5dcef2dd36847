// SPDX-License-Identifier: MIT
#include "engines/timer_wheel.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::detail {
namespace {

constexpr std::int64_t kTick = std::int64_t{1} << 20;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kStart = 123 * kHour + 456'789;

std::vector<TimerNode*> take_all(TimerWheel& wheel, std::int64_t now) {
  std::vector<TimerNode*> taken;
  while (TimerNode* const node = wheel.take_expired(now)) taken.push_back(node);
  return taken;
}

/// The first moment at which the wheel gives anything, found as an engine finds it: look when told
/// to.
std::int64_t first_expiry(TimerWheel& wheel, std::int64_t now) {
  for (int looks = 0; looks < 100; ++looks) {
    const std::int64_t look = wheel.next_look();
    EXPECT_NE(look, TimerWheel::kNever);
    now = std::max(now, look);
    if (wheel.take_expired(now) != nullptr) return now;
  }
  ADD_FAILURE() << "looked a hundred times for one node";
  return 0;
}

TEST(TimerWheel, EmptyHasNothingToLookFor) {
  TimerWheel wheel{kStart};
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next_look(), TimerWheel::kNever);
  EXPECT_EQ(wheel.take_expired(kStart + kHour), nullptr);
}

TEST(TimerWheel, NeverEarlyAndAtMostATickLate) {
  for (const std::int64_t delay :
       {std::int64_t{1}, kTick - 1, kTick, kTick + 1, 63 * kTick, 64 * kTick, 65 * kTick,
        4095 * kTick, 4096 * kTick, 4097 * kTick, kSecond, kHour, 30 * kHour, 24 * 365 * kHour}) {
    TimerWheel wheel{kStart};
    TimerNode node;
    wheel.enter(node, kStart + delay);
    EXPECT_TRUE(TimerWheel::holds(node));
    EXPECT_TRUE(take_all(wheel, kStart + delay - 1).empty()) << delay;
    const std::int64_t expired = first_expiry(wheel, kStart);
    EXPECT_GE(expired, kStart + delay);
    EXPECT_LE(expired, kStart + delay + kTick);
    EXPECT_FALSE(TimerWheel::holds(node));
    EXPECT_TRUE(wheel.empty());
  }
}

TEST(TimerWheel, WhatIsDueAlreadyExpiresAtTheNextLook) {
  TimerWheel wheel{kStart};
  TimerNode past;
  TimerNode ancient;
  wheel.enter(past, kStart - kSecond);
  wheel.enter(ancient, 0);
  EXPECT_LE(wheel.next_look(), kStart);
  EXPECT_EQ(take_all(wheel, kStart).size(), 2U);
}

TEST(TimerWheel, WhatIsDueTogetherExpiresTogether) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(1000);
  for (TimerNode& node : nodes) wheel.enter(node, kStart + 10 * kSecond);
  EXPECT_TRUE(take_all(wheel, kStart + 10 * kSecond - 1).empty());
  EXPECT_EQ(take_all(wheel, kStart + 10 * kSecond + kTick).size(), nodes.size());
}

TEST(TimerWheel, WhatHasLeftDoesNotExpire) {
  TimerWheel wheel{kStart};
  TimerNode leaving;
  TimerNode staying;
  wheel.enter(leaving, kStart + kSecond);
  wheel.enter(staying, kStart + kSecond);
  wheel.leave(leaving);
  EXPECT_FALSE(TimerWheel::holds(leaving));
  EXPECT_EQ(take_all(wheel, kStart + 2 * kSecond), std::vector{&staying});
}

// Nobody asks an empty wheel what has expired, so what it says of its next look must not wait for
// that: an engine would turn for ever.
TEST(TimerWheel, EmptiedHasNothingToLookFor) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.enter(node, kStart + kSecond);
  wheel.leave(node);
  EXPECT_EQ(wheel.next_look(), TimerWheel::kNever);
  wheel.enter(node, kStart + kSecond);
  EXPECT_EQ(wheel.take_expired(kStart + 2 * kSecond), &node);
  EXPECT_EQ(wheel.next_look(), TimerWheel::kNever);
  wheel.enter(node, kStart + kHour);
  EXPECT_EQ(take_all(wheel, kStart + 2 * kHour), std::vector{&node});
}

TEST(TimerWheel, EnteringAgainMoves) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.enter(node, kStart + kSecond);
  wheel.enter(node, kStart + kHour);
  EXPECT_TRUE(take_all(wheel, kStart + kHour - 1).empty());
  wheel.enter(node, kStart + kHour + 5 * kMillisecond);
  EXPECT_EQ(take_all(wheel, kStart + kHour + 7 * kMillisecond), std::vector{&node});
}

TEST(TimerWheel, NodesMayLeaveAndEnterWhileOthersExpire) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(10);
  for (TimerNode& node : nodes) wheel.enter(node, kStart + kSecond);
  const std::int64_t now = kStart + 2 * kSecond;
  TimerNode* const first = wheel.take_expired(now);
  ASSERT_NE(first, nullptr);
  std::size_t left = 0;
  for (TimerNode& node : nodes)
    if (TimerWheel::holds(node) && ++left <= 4) wheel.leave(node);
  wheel.enter(*first, now + kSecond);
  EXPECT_EQ(take_all(wheel, now).size(), nodes.size() - 5);
  EXPECT_EQ(take_all(wheel, now + 2 * kSecond), std::vector{first});
}

TEST(TimerWheel, WithoutALookForHoursKeepsItsNodes) {
  TimerWheel wheel{kStart};
  TimerNode first;
  wheel.enter(first, kStart + kSecond);
  wheel.leave(first);
  TimerNode second;  // entered long after the wheel has last been looked at
  wheel.enter(second, kStart + 10 * kHour + 3 * kMillisecond);
  EXPECT_EQ(wheel.take_expired(kStart + 10 * kHour), nullptr);
  const std::int64_t expired = first_expiry(wheel, kStart + 10 * kHour);
  EXPECT_LE(expired, kStart + 10 * kHour + 3 * kMillisecond + kTick);
}

TEST(TimerWheel, NeverEntersButDoesNotExpire) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.enter(node, TimerWheel::kNever);
  EXPECT_TRUE(take_all(wheel, kStart + 100'000 * kHour).empty());
  wheel.leave(node);
}

/// The wheel beside a multimap, through hours of random use.
class Model {
 public:
  explicit Model(unsigned seed) : random_{seed}, nodes_(200) {}

  void step() {
    const std::uint64_t choice = random_() % 10;
    TimerNode& node = nodes_[random_() % nodes_.size()];
    if (choice < 5) return enter(node);
    if (choice < 7) return leave(node);
    if (choice < 9) return advance(now_ + far());
    // As an engine does: to the moment that the wheel asks for.
    if (const std::int64_t look = wheel_.next_look(); look != TimerWheel::kNever)
      advance(std::max(now_, look));
  }

  void finish() {
    while (!due_.empty()) advance(std::max(now_ + 1, wheel_.next_look()));
    EXPECT_TRUE(wheel_.empty());
  }

 private:
  // From nanoseconds to hours, each magnitude as often.
  std::int64_t far() {
    return static_cast<std::int64_t>(random_() % (std::uint64_t{1} << (random_() % 44)));
  }

  void enter(TimerNode& node) {
    forget(node);
    const std::int64_t due = now_ + far() - (random_() % 8 == 0 ? kSecond : 0);
    wheel_.enter(node, due);
    due_.emplace(due, &node);
  }

  void leave(TimerNode& node) {
    if (!forget(node)) return;
    wheel_.leave(node);
  }

  bool forget(TimerNode& node) {
    const auto at = std::ranges::find(due_, &node, [](const auto& entry) { return entry.second; });
    EXPECT_EQ(at != due_.end(), TimerWheel::holds(node));
    if (at == due_.end()) return false;
    due_.erase(at);
    return true;
  }

  void advance(std::int64_t to) {
    ASSERT_EQ(wheel_.empty(), due_.empty());
    if (!due_.empty()) {
      ASSERT_LE(wheel_.next_look(), std::max(now_, due_.begin()->first) + kTick);
    }
    now_ = to;
    while (TimerNode* const node = wheel_.take_expired(now_)) {
      const auto at = std::ranges::find(due_, node, [](const auto& entry) { return entry.second; });
      ASSERT_NE(at, due_.end()) << "not in the wheel, or expired twice";
      ASSERT_LE(at->first, now_) << "early";
      due_.erase(at);
      if (random_() % 4 == 0) enter(nodes_[random_() % nodes_.size()]);
      if (random_() % 4 == 0) leave(nodes_[random_() % nodes_.size()]);
    }
    if (!due_.empty()) {
      ASSERT_GT(due_.begin()->first + kTick, now_) << "lost, or late by more than a tick";
    }
  }

  std::mt19937_64 random_;
  std::int64_t now_ = kStart;
  TimerWheel wheel_{kStart};
  std::vector<TimerNode> nodes_;
  std::multimap<std::int64_t, TimerNode*> due_;
};

TEST(TimerWheel, AgreesWithASortedListForHours) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Model model{seed};
    for (int count = 0; count < 4000; ++count) {
      model.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    model.finish();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace headrace::detail
