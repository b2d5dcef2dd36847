// SPDX-License-Identifier: MIT
//
// What an engine does with descriptors: waiting for any of them, many sockets, sockets that close
// one another. Not here: the ways in which a kernel says "there is more" (engine_more_test.cpp).
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "engines.hpp"
#include "headrace/task_scope.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using EngineTest = OnEveryEngine;

// wait_ready.

Task<> put_later(Engine& engine, const Pipe& pipe, std::string_view text) {
  (void)co_await engine.sleep(Deadline::after(5ms));
  pipe.put(text);
}

Task<> wait_for_a_pipe(Engine& engine) {
  const Pipe pipe;
  EXPECT_EQ(
      code_of(co_await engine.wait_ready(pipe.reading, Direction::readable, Deadline::after(1ms))),
      Errc::timed_out);
  EXPECT_TRUE(co_await engine.wait_ready(pipe.writing, Direction::writable, soon()));
  for (int round = 0; round < 3; ++round) {
    TaskScope scope{engine};
    EXPECT_TRUE(scope.spawn(put_later(engine, pipe, "x")));
    EXPECT_TRUE(co_await engine.wait_ready(pipe.reading, Direction::readable, soon()));
    EXPECT_TRUE(co_await engine.wait_ready(pipe.reading, Direction::readable, soon()))
        << "still readable";
    co_await scope.join();
    char byte = 0;
    EXPECT_EQ(::read(pipe.reading, &byte, 1), 1);
    EXPECT_EQ(code_of(co_await engine.wait_ready(pipe.reading, Direction::readable,
                                                 Deadline::after(1ms))),
              Errc::timed_out);
  }
}

TEST_P(EngineTest, WaitsForAPipeAgainAndAgain) { engine.run(wait_for_a_pipe(engine)); }

Task<> wait_for_a_closed_pipe(Engine& engine) {
  Pipe pipe;
  pipe.writing.close();
  EXPECT_TRUE(co_await engine.wait_ready(pipe.reading, Direction::readable, soon()));
  Pipe other;
  other.reading.close();
  EXPECT_TRUE(co_await engine.wait_ready(other.writing, Direction::writable, soon()));
}

TEST_P(EngineTest, AClosedPipeIsReady) { engine.run(wait_for_a_closed_pipe(engine)); }

Task<> wait_for_a_file(Engine& engine, int file) {
  EXPECT_TRUE(co_await engine.wait_ready(file, Direction::readable, soon()));
  EXPECT_TRUE(co_await engine.wait_ready(file, Direction::writable, soon()));
}

TEST_P(EngineTest, ARegularFileIsAlwaysReady) {
  const Plain file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  engine.run(wait_for_a_file(engine, file));
}

Task<> wait_until_writable(Engine& engine) {
  const Pipe pipe;
  EXPECT_EQ(::fcntl(pipe.writing, F_SETFL, O_NONBLOCK), 0);
  const std::string page(4096, 'x');
  while (::write(pipe.writing, page.data(), page.size()) > 0) {
  }
  EXPECT_EQ(
      code_of(co_await engine.wait_ready(pipe.writing, Direction::writable, Deadline::after(1ms))),
      Errc::timed_out);
  std::string drained(65536, '\0');
  EXPECT_GT(::read(pipe.reading, drained.data(), drained.size()), 0);
  EXPECT_TRUE(co_await engine.wait_ready(pipe.writing, Direction::writable, soon()));
}

TEST_P(EngineTest, AFullPipeIsWaitedFor) { engine.run(wait_until_writable(engine)); }

TEST_P(EngineTest, LeavesADescriptorThatItWaitedForOpen) {
  const Plain file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  const Pipe pipe;
  pipe.put("x");
  engine.run(wait_for_a_file(engine, file));
  engine.run([](Engine& on, int reading) -> Task<> {
    EXPECT_TRUE(co_await on.wait_ready(reading, Direction::readable));
  }(engine, pipe.reading));
  EXPECT_GE(::fcntl(file, F_GETFD), 0);
  EXPECT_GE(::fcntl(pipe.reading, F_GETFD), 0);
}

// Streams.

Task<> know_their_addresses(Engine& engine) {
  auto listener = Listener::open(engine, *Address::parse("tcp://127.0.0.1:0"));
  EXPECT_TRUE(listener);
  auto near = co_await connect(engine, listener->address(), soon());
  auto far = co_await listener->accept(soon());
  EXPECT_TRUE(near && far);
  EXPECT_EQ(near->peer(), listener->address());
  EXPECT_EQ(near->local(), far->peer());
  EXPECT_EQ(near->id(), 0U);
  EXPECT_EQ(&far->engine(), &engine);
}

TEST_P(EngineTest, StreamsKnowTheirAddresses) { engine.run(know_their_addresses(engine)); }

Task<> refuse(Engine& engine, Address nobody) {
  EXPECT_EQ(code_of(co_await connect(engine, nobody, soon())), Errc::refused);
  EXPECT_EQ(code_of(co_await connect(engine, *Address::parse("udp://127.0.0.1:1"))),
            Errc::invalid_address);
  EXPECT_EQ(code_of(co_await connect(engine, *Address::parse("unix:@headrace-nobody-listens"))),
            Errc::refused);
}

TEST_P(EngineTest, AConnectToNobodyIsRefused) {
  Address nobody = PlainListener{}.address();  // closed again
  engine.run(refuse(engine, nobody));
}

Task<> send_and_half_close(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  EXPECT_TRUE(co_await wire.stream.send(bytes_of("last words"), soon()));
  EXPECT_TRUE(wire.stream.shutdown_send());
  std::string got(100, '\0');
  EXPECT_EQ(::recv(wire.peer, got.data(), got.size(), 0), 10);
  EXPECT_EQ(::recv(wire.peer, got.data(), got.size(), 0), 0);
  wire.put("answer");
  ::shutdown(wire.peer, SHUT_WR);
  Failure end{};
  EXPECT_EQ(co_await receive_all(wire.stream, end), "answer");
  EXPECT_EQ(end.code, Errc::end_of_stream);
  EXPECT_EQ(code_of(co_await wire.stream.receive(soon())), Errc::end_of_stream) << "and again";
  EXPECT_EQ(code_of(co_await wire.stream.send(bytes_of("x"), soon())), Errc::broken_pipe);
}

TEST_P(EngineTest, AHalfClosedStreamStillReceives) {
  engine.run(send_and_half_close(engine, PlainListener{}));
  engine.run(send_and_half_close(engine, PlainListener{Transport::unix_stream}));
}

Task<> receive_a_reset(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  const linger at_once{1, 0};
  ::setsockopt(wire.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  wire.peer.close();
  EXPECT_EQ(code_of(co_await wire.stream.receive(soon())), Errc::reset);
}

TEST_P(EngineTest, AResetIsAReset) { engine.run(receive_a_reset(engine, PlainListener{})); }

Task<> send_nothing(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  EXPECT_TRUE(co_await wire.stream.send({}, soon()));
  wire.put("x");
  EXPECT_EQ(text_or_reason(co_await wire.stream.receive(soon())), "x");
}

TEST_P(EngineTest, SendingNothingSucceeds) { engine.run(send_nothing(engine, PlainListener{})); }

Task<> send_much(Engine& engine, const PlainListener& listener, const std::string& much) {
  Wire wire = co_await connect_to(engine, listener);
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn([](Stream& stream, const std::string& bytes) -> Task<> {
    EXPECT_TRUE(co_await stream.send(bytes_of(bytes), soon()));
    EXPECT_TRUE(stream.shutdown_send());
  }(wire.stream, much)));
  std::string got;
  std::string part(1 << 20, '\0');
  for (;;) {
    EXPECT_TRUE(co_await engine.wait_ready(wire.peer, Direction::readable, soon()));
    const ssize_t size = ::recv(wire.peer, part.data(), part.size(), 0);
    if (size <= 0) break;
    got.append(part, 0, static_cast<std::size_t>(size));
  }
  EXPECT_TRUE(got == much) << got.size() << " bytes of " << much.size();
  co_await scope.join();
}

TEST_P(EngineTest, ASendIsWhole) {
  for (const std::size_t size : {1UZ, 65535UZ, 65536UZ, 65537UZ, 12UZ << 20})
    engine.run(send_much(engine, PlainListener{}, pattern(size)));
}

// Many sockets.

Task<> serve_once(Stream stream, int& served) {
  const auto bytes = co_await stream.receive(soon());
  if (!bytes || !co_await stream.send(*bytes, soon())) co_return;
  ++served;
}

Task<> serve_many(Engine& engine, const PlainListener& listener, int count, int& served) {
  std::vector<Plain> peers;
  TaskScope scope{engine};
  for (int index = 0; index < count; ++index) {
    Wire wire = co_await connect_to(engine, listener);
    EXPECT_TRUE(scope.spawn(serve_once(std::move(wire.stream), served)));
    peers.push_back(std::move(wire.peer));
  }
  for (const Plain& peer : peers) EXPECT_EQ(::send(peer, &peer, 1, MSG_NOSIGNAL), 1);
  co_await scope.join();
  for (const Plain& peer : peers) {
    char byte = 0;
    EXPECT_EQ(::recv(peer, &byte, 1, MSG_DONTWAIT), 1);
    EXPECT_EQ(::recv(peer, &byte, 1, MSG_DONTWAIT), 0) << "closed";
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_P(EngineTest, ServesAThousandSockets) {
  raise_descriptor_limit();
  const int count = GetParam() == EngineKind::blocking ? 200  // a thread for each
                    : GetParam() == EngineKind::select ? 400  // two descriptors each, of 1024
                                                       : 1000;
  int served = 0;
  engine.run(serve_many(engine, PlainListener{}, count, served));
  EXPECT_EQ(served, count);
}

// Descriptors beyond what select has bits for.

/// Descriptors up to the first that select has no bit for, which comes last.
std::vector<Plain> take_all_of_selects() {
  std::vector<Plain> taken;
  while (taken.empty() || taken.back() < FD_SETSIZE) {
    taken.emplace_back(::eventfd(0, EFD_CLOEXEC));
    if (taken.back() < 0) throw std::runtime_error{"too few descriptors: ulimit -Hn"};
  }
  return taken;
}

Task<> connect_beyond(Engine& engine, const PlainListener& listener, Errc& code) {
  Wire below = co_await connect_to(engine, listener);
  {
    const auto in_the_way = take_all_of_selects();
    const auto beyond = co_await connect(engine, listener.address(), soon());
    if (!beyond) code = beyond.error().code;
    const auto ready = co_await engine.wait_ready(in_the_way.back(), Direction::writable, soon());
    EXPECT_EQ(ready.has_value(), beyond.has_value());
  }
  below.put("still here");
  EXPECT_EQ(text_or_reason(co_await below.stream.receive(soon())), "still here");
}

TEST_P(EngineTest, ADescriptorBeyondSelectsBitsIsRefusedBySelectOnly) {
  raise_descriptor_limit();
  Errc code{};
  engine.run(connect_beyond(engine, PlainListener{}, code));
  EXPECT_EQ(code, GetParam() == EngineKind::select ? Errc::too_many_descriptors : Errc{});
}

TEST(SelectEngine, SaysWhyItCannotBeMade) {
  const Patience patience;
  raise_descriptor_limit();
  const auto in_the_way = take_all_of_selects();
  const auto engine = Engine::create(EngineKind::select);
  ASSERT_FALSE(engine);
  EXPECT_EQ(std::string{engine.error().call}, "select cannot watch a descriptor beyond 1023");
}

// Closing one another within a batch of events.

struct Pool {
  std::vector<Stream> streams{};
  int closed = 0;
  int ended = 0;
};

/// Whoever is first closes the sockets that nobody waits on, though the same batch tells of them.
Task<> close_all_the_others(Stream stream, Pool& pool, Engine& engine,
                            const PlainListener& listener) {
  const auto bytes = co_await stream.receive(soon());
  EXPECT_TRUE(bytes);
  ++pool.ended;
  if (pool.streams.empty()) co_return;
  pool.closed += static_cast<int>(pool.streams.size());
  pool.streams.clear();
  // New sockets get the numbers that have just become free.
  for (int count = 0; count < 4; ++count) {
    Wire wire = co_await connect_to(engine, listener);
    EXPECT_EQ(code_of(co_await wire.stream.receive(Deadline::after(0ns))), Errc::timed_out)
        << "not its bytes";
    wire.put("mine");
    EXPECT_EQ(text_or_reason(co_await wire.stream.receive(soon())), "mine");
  }
}

Task<> make_a_batch(Engine& engine, const PlainListener& listener, Pool& pool) {
  std::vector<Plain> peers;
  TaskScope scope{engine};
  for (int index = 0; index < 40; ++index) {
    Wire wire = co_await connect_to(engine, listener);
    if (index % 4 == 0) {
      EXPECT_TRUE(
          scope.spawn(close_all_the_others(std::move(wire.stream), pool, engine, listener)));
    } else {
      pool.streams.push_back(std::move(wire.stream));
    }
    peers.push_back(std::move(wire.peer));
  }
  for (const Plain& peer : peers) EXPECT_EQ(::send(peer, "old bytes", 9, MSG_NOSIGNAL), 9);
  co_await scope.join();
}

TEST_P(EngineTest, ASocketMayBeClosedByAnotherOfTheSameBatch) {
  Pool pool;
  engine.run(make_a_batch(engine, PlainListener{}, pool));
  EXPECT_EQ(pool.closed, 30);
  EXPECT_EQ(pool.ended, 10);
}

HEADRACE_ON_EVERY_ENGINE(EngineTest);

}  // namespace
}  // namespace headrace
