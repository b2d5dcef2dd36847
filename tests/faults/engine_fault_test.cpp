// SPDX-License-Identifier: MIT
//
// Faults that only a task can see, and signals that come at the worst moment.
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "faulty_calls.hpp"
#include "headrace/task_scope.hpp"
#include "unit/engines.hpp"

namespace headrace::faults {
namespace {

using namespace testing_support;

class EngineFaults : public OnEveryEngine {
 protected:
  ~EngineFaults() override { begin({}); }
};

Task<> note(std::string& story) {
  story += "ran";
  co_return;
}

Task<> spawn_without_a_thread(Engine& engine, std::string& story, Errc& code) {
  TaskScope scope{engine};
  begin({Call::create_thread, 1, EAGAIN, 0});
  const Result<> spawned = scope.spawn(note(story));
  if (!spawned) code = spawned.error().code;
  EXPECT_EQ(scope.running(), 0U);
  EXPECT_TRUE(scope.spawn(note(story))) << "the next one may";
  co_await scope.join();
}

TEST_P(EngineFaults, ATaskThatGetsNoThreadIsDestroyedWithoutHavingRun) {
  std::string story;
  Errc code{};
  engine.run(spawn_without_a_thread(engine, story, code));
  if (GetParam() == EngineKind::blocking) {
    EXPECT_EQ(story, "ran");
    EXPECT_EQ(code, Errc::out_of_memory) << "as TaskScope::spawn promises";
  } else {
    EXPECT_EQ(story, "ranran") << "it needs no thread";
  }
}

Task<> receive_and_say_so(Engine& engine, Wire& wire, Channel<Errc>& done) {
  const auto bytes = co_await wire.stream.receive(soon());
  (void)done.try_send(bytes ? Errc{} : bytes.error().code);
  (void)engine;
}

// Whoever cancels may wait for word from the cancelled task before joining it.
Task<> cancel_just_before_the_call(Engine& engine, const PlainListener& listener, Errc& end,
                                   bool joins_first) {
  Wire wire = co_await connect_to(engine, listener);
  Channel<Errc> done{1};
  TaskScope scope{engine};
  before_each_recv([] { ::usleep(30'000); });  // between the last look at the flag and the call
  EXPECT_TRUE(scope.spawn(receive_and_say_so(engine, wire, done)));
  (void)co_await engine.sleep(Deadline::after(10ms));
  scope.cancel();
  if (joins_first) co_await scope.join();
  const auto said = co_await done.receive(engine, Deadline::after(kLong / 2));
  end = said ? *said : said.error().code;
  before_each_recv(nullptr);
  co_await scope.join();
}

TEST_P(EngineFaults, ACancelJustBeforeTheCallIsNotLost) {
  for (const bool joins_first : {true, false}) {
    begin({});
    Errc end{};
    engine.run(cancel_just_before_the_call(engine, PlainListener{}, end, joins_first));
    EXPECT_EQ(end, Errc::canceled) << (joins_first ? "joined at once" : "waited for word from it");
  }
}

// Whoever wakes a task of another engine may be slow about it: that task could end its engine
// before the wake is over, and what is then written to could be somebody else's.
std::atomic<bool> write_held = false;
std::atomic<bool> engine_gone = false;

/// Holds a wake between telling and writing, until the engine is gone; in vain if it waits for us.
void hold_the_write() {
  write_held = true;
  for (int left = 400; left != 0 && !engine_gone; --left) ::usleep(1000);
}

// At its deadline, since the write that wakes it is held; then the value is there, unless the
// sender was held up.
Task<> receive_until(Engine& engine, Channel<int>& from) {
  for (bool received = false; !received;) {
    const auto value = co_await from.receive(engine, Deadline::after(200ms));
    received = value.has_value();
  }
}

Task<> wait_then_send(Engine& engine, Channel<int>& to) {
  (void)co_await engine.sleep(Deadline::after(20ms));  // usually it sleeps by now, in wait()
  before_each_write(hold_the_write);
  (void)co_await to.send(engine, 1);
  before_each_write(nullptr);
}

void wake_slowly(Engine& engine) {
  Channel<int> channel{1};
  write_held = engine_gone = false;
  std::vector<Plain> others;
  std::thread other{[&] {
    {
      const auto woken = make_engine(engine.kind());
      woken->run(receive_until(*woken, channel));
    }
    // The next descriptors: the numbers that the engine had.
    while (others.size() < 8) others.emplace_back(::eventfd(0, EFD_NONBLOCK));
    engine_gone = true;
  }};
  engine.run(wait_then_send(engine, channel));
  other.join();
  for (const Plain& next : others) {
    std::uint64_t count = 0;
    EXPECT_EQ(::read(next, &count, sizeof count), -1) << "somebody has written to it";
  }
}

TEST_P(EngineFaults, ASlowWakeReachesNobodyElse) {
  // A blocking engine wakes without a descriptor, a polling one hardly ever needs it.
  const bool wakes_by_write =
      GetParam() != EngineKind::blocking && GetParam() != EngineKind::polling;
  // Whoever is to be woken may have been held up, and not sleep yet: then nothing was tried.
  for (int tries = 0; tries == 0 || (tries < 100 && wakes_by_write && !write_held); ++tries)
    wake_slowly(engine);
  EXPECT_TRUE(write_held || !wakes_by_write);
}

// What is ready and awaited by nobody.

std::uint32_t waits_so_far() {
  const auto made = counts();
  std::uint32_t waits = 0;
  for (const Call call : {Call::select, Call::poll, Call::epoll_wait})
    waits += made[static_cast<std::size_t>(call)];
  return waits;
}

struct Unawaited {
  const char* what;
  void (*happens)(Wire& wire);
  const char* received;  // by whoever asks later
};

constexpr std::array kUnawaited{
    Unawaited{"bytes", [](Wire& wire) { wire.put("bytes"); }, "bytes"},
    Unawaited{"bytes and FIN",
              [](Wire& wire) {
                wire.put("the last");
                ::shutdown(wire.peer, SHUT_WR);
              },
              "the last"},
    Unawaited{"an urgent byte and others",
              [](Wire& wire) {
                EXPECT_EQ(::send(wire.peer, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
                wire.put("usual");
              },
              "usual"},
    Unawaited{"FIN on both sides",
              [](Wire& wire) {
                EXPECT_TRUE(wire.stream.shutdown_send());
                wire.peer.close();
              },
              "end of stream"},
    Unawaited{"a reset",
              [](Wire& wire) {
                const linger at_once{1, 0};
                ::setsockopt(wire.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
                wire.peer.close();
              },
              "connection reset by the peer"},
};

// Once with nothing ever awaited on the socket, once after a send that had to wait, for which an
// engine asks more.
Task<> leave_it_unawaited(Engine& engine, const PlainListener& listener, const Unawaited& one,
                          bool fills_first) {
  Wire wire = co_await connect_to(engine, listener);
  if (fills_first) {
    const std::string much(32UZ << 20, 'x');
    EXPECT_EQ(code_of(co_await wire.stream.send(bytes_of(much), Deadline::after(20ms))),
              Errc::timed_out);
    std::string some(1UZ << 20, 'x');  // all of it, so that there is room again
    while (::recv(wire.peer, some.data(), some.size(), MSG_DONTWAIT) > 0) continue;
  }
  one.happens(wire);
  begin({});
  EXPECT_TRUE(co_await engine.sleep(Deadline::after(60ms)));
  EXPECT_LE(waits_so_far(), 20U) << one.what << (fills_first ? ", after a full send" : "");
  const auto bytes = co_await wire.stream.receive(soon());
  EXPECT_EQ(bytes ? std::string{text_of(*bytes)} : bytes.error().reason(), one.received);
}

TEST_P(EngineFaults, WhatNobodyAwaitsTakesNoTurns) {
  if (GetParam() == EngineKind::polling) return;  // its turns have no end
  for (const Unawaited& one : kUnawaited)
    for (const bool fills_first : {false, true})
      engine.run(leave_it_unawaited(engine, PlainListener{}, one, fills_first));
}

// A descriptor that its owner closes while it is awaited.

Task<> await_readable(Engine& engine, int descriptor) {
  (void)co_await engine.wait_ready(descriptor, Direction::readable);
}

Task<> close_under_a_waiter(Engine& engine, const PlainListener& listener, bool has_duplicate) {
  Wire wire = co_await connect_to(engine, listener);
  Pipe pipe;
  const Plain duplicate{has_duplicate ? ::dup(pipe.reading) : -1};
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(await_readable(engine, pipe.reading)));
  EXPECT_TRUE(co_await engine.sleep(Deadline::after(5ms)));
  pipe.reading.close();
  if (has_duplicate) pipe.put("for nobody");
  const std::uint32_t before = waits_so_far();
  EXPECT_TRUE(co_await engine.sleep(Deadline::after(60ms)));
  wire.put("others are served");
  const auto bytes = co_await wire.stream.receive(soon());
  EXPECT_EQ(bytes ? text_of(*bytes) : "nothing", "others are served");
  const std::uint32_t waits = engine.kind() == EngineKind::polling ? 0 : waits_so_far() - before;
  EXPECT_LE(waits, 20U) << "at once, not when its deadline came";
  scope.cancel();
  co_await scope.join();
}

TEST_P(EngineFaults, ADescriptorThatItsOwnerClosesHarmsNobody) {
  for (const bool has_duplicate : {false, true})
    engine.run(close_under_a_waiter(engine, PlainListener{}, has_duplicate));
}

TEST(EngineFault, AnEngineThatCannotBeMadeSaysWhy) {
  for (const auto& [kind, call, error, code] :
       {std::tuple{EngineKind::epoll_edge, Call::epoll_create1, EMFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::epoll_edge, Call::eventfd, ENFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::epoll_edge, Call::epoll_ctl, ENOMEM, Errc::out_of_memory},
        std::tuple{EngineKind::epoll_level, Call::epoll_create1, ENOMEM, Errc::out_of_memory},
        std::tuple{EngineKind::epoll_level, Call::epoll_ctl, ENOSPC, Errc::system_error},
        std::tuple{EngineKind::poll, Call::eventfd, EMFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::select, Call::eventfd, EMFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::io_uring, Call::eventfd, EMFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::io_uring, Call::io_uring_setup, ENFILE, Errc::too_many_descriptors},
        std::tuple{EngineKind::io_uring, Call::io_uring_setup, ENOMEM, Errc::out_of_memory},
        std::tuple{EngineKind::io_uring, Call::io_uring_setup, ENOSYS, Errc::not_supported},
        std::tuple{EngineKind::io_uring, Call::io_uring_setup, EPERM, Errc::not_supported},
        std::tuple{EngineKind::io_uring, Call::io_uring_register, EINVAL, Errc::not_supported},
        std::tuple{EngineKind::io_uring, Call::io_uring_register, ENOMEM, Errc::out_of_memory},
        std::tuple{EngineKind::io_uring, Call::map_memory, ENOMEM, Errc::out_of_memory}}) {
    begin({call, 1, error, 0});
    EXPECT_EQ(code_of(Engine::create(kind)), code) << to_text(kind) << ": " << name_of(call);
  }
  begin({});
}

HEADRACE_ON_EVERY_ENGINE(EngineFaults);

}  // namespace
}  // namespace headrace::faults
