// SPDX-License-Identifier: MIT
//
// When a server stops: what counts as a call to stop, and who may interrupt it. Also that signals
// to the process find the thread that serves.
#include <csignal>
#include <string>

#include <sys/eventfd.h>

#include "engines.hpp"
#include "models/server.hpp"

namespace headrace::models {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

class StopTest : public testing::Test {
 protected:
  void call() const {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(stopper, &one, sizeof one), ssize_t{sizeof one});
  }
  Plain stopper{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)};
  Stop stop{-1, stopper, 1h};
};

TEST_F(StopTest, TheFirstCallDrainsAndTheSecondCuts) {
  stop.look();
  EXPECT_FALSE(stop.begun());
  call();
  stop.look();
  EXPECT_TRUE(stop.begun());
  EXPECT_FALSE(stop.cuts());
  call();
  stop.look();
  EXPECT_TRUE(stop.cuts());
}

TEST_F(StopTest, TwoCallsSeenAtOnceCut) {
  call();
  call();
  stop.look();
  EXPECT_TRUE(stop.cuts());
}

// Every listener that fails, and every worker, says that the server cannot go on.
TEST_F(StopTest, FailuresBeginTheDrainHoweverManyButCutNothing) {
  stop.begin();
  const auto ends = stop.drain_ends();
  stop.begin();
  stop.begin();
  EXPECT_TRUE(stop.begun());
  EXPECT_FALSE(stop.cuts());
  EXPECT_EQ(stop.drain_ends(), ends) << "the drain was begun anew";
  call();
  stop.look();
  EXPECT_FALSE(stop.cuts()) << "the first call from outside is no second";
}

TEST_F(StopTest, ADrainWithoutTimeCutsAtOnce) {
  Stop impatient{-1, stopper, 0ns};
  EXPECT_FALSE(impatient.cuts());
  impatient.begin();
  EXPECT_TRUE(impatient.cuts());
}

void* mask_of_this_thread(void* blocked) {
  (void)::pthread_sigmask(SIG_BLOCK, nullptr, static_cast<sigset_t*>(blocked));
  return nullptr;
}

TEST(OwnThreads, LeaveSignalsToTheThreadThatServes) {
  sigset_t blocked;
  pthread_t thread{};
  ASSERT_EQ(sys::create_thread(&thread, mask_of_this_thread, &blocked), 0);
  ASSERT_EQ(sys::join_thread(thread), 0);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM})
    EXPECT_EQ(::sigismember(&blocked, signal), 1) << ::strsignal(signal);
  for (const int signal : {SIGURG, SIGSEGV, SIGABRT})
    EXPECT_EQ(::sigismember(&blocked, signal), 0) << ::strsignal(signal);
}

}  // namespace
}  // namespace headrace::models
