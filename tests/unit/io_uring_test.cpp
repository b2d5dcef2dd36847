// SPDX-License-Identifier: MIT
//
// What only io_uring has: a kernel that may lack this and that, buffers that may run out, requests
// that outlive whoever made them. What it has in common with the others is in engine_test.cpp and
// the conformance suite.
#include "engines/io_uring.hpp"

#include <array>
#include <deque>
#include <string>
#include <vector>

#include <fcntl.h>

#include "engines.hpp"

namespace headrace::detail {
namespace {

using namespace testing_support;

constexpr net::RingSizes kSmall{.submissions = 4, .completions = 8, .buffers = 8};

class IoUring : public testing::Test {
 protected:
  void SetUp() override {
    if (!Engine::create(EngineKind::io_uring)) GTEST_SKIP() << "io_uring does not run here";
  }
  ~IoUring() override { set_ring_sizes({}); }

  static std::unique_ptr<Engine> make(const net::RingSizes& sizes = {}) {
    set_ring_sizes(sizes);
    return testing_support::make_engine(EngineKind::io_uring);
  }

  Patience patience{};
};

Task<> echo(Stream peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

Task<> send_and_end(Stream& stream, std::string_view text) {
  EXPECT_TRUE(co_await stream.send(bytes_of(text), soon()));
  EXPECT_TRUE(stream.shutdown_send());
}

/// Much goes out and comes back, through both ends of one connection of this engine.
Task<> echo_much(Engine& engine, std::size_t size) {
  auto listener = Listener::open(engine, *Address::parse("tcp://127.0.0.1:0"));
  auto client = co_await connect(engine, listener->address(), soon());
  auto served = co_await listener->accept();
  const std::string text = pattern(size);
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(echo(std::move(*served))));
  EXPECT_TRUE(scope.spawn(send_and_end(*client, text)));
  Failure end{};
  const std::string back = co_await receive_all(*client, end);
  EXPECT_TRUE(back == text) << back.size();
  EXPECT_EQ(end.code, Errc::end_of_stream);
  co_await scope.join();
}

TEST_F(IoUring, RunsWithoutWhatAKernelMayLack) {
  for (std::uint8_t allowed = 0; allowed <= net::kAllRingFeatures.bits; ++allowed) {
    const auto engine = make({.allowed = {allowed}});
    engine->run(echo_much(*engine, 1UZ << 20));
  }
}

TEST_F(IoUring, RunsWithHardlyAnyRoom) {
  for (std::uint8_t allowed : {std::uint8_t{0}, net::kAllRingFeatures.bits}) {
    net::RingSizes sizes = kSmall;
    sizes.allowed = {allowed};
    const auto engine = make(sizes);
    engine->run(echo_much(*engine, 4UZ << 20));
  }
}

// Leases.

Task<> hold_many(Engine& engine, const PlainListener& listener, unsigned count) {
  std::deque<Wire> wires;
  std::vector<Buffer> held;
  for (unsigned index = 0; index < count; ++index)
    wires.push_back(co_await connect_to(engine, listener));
  for (int round = 0; round < 3; ++round)
    for (unsigned index = 0; index < count; ++index) {
      wires[index].put(pattern(100, index));
      auto bytes = co_await wires[index].stream.receive(soon());
      EXPECT_TRUE(bytes) << index;
      if (bytes) held.push_back(std::move(*bytes));
    }
  for (unsigned index = 0; index < held.size(); ++index)
    EXPECT_EQ(text_of(held[index]), pattern(100, index % count));
}

TEST_F(IoUring, LeasesThatAreKeptTakeNoBufferFromTheOthers) {
  const auto engine = make(kSmall);
  engine->run(hold_many(*engine, PlainListener{}, 20));
}

/// As much as goes into a connection whose other side does not receive.
std::size_t fill(const Plain& peer) {
  const std::string much(1UZ << 16, 'x');
  std::size_t sent = 0;
  pollfd entry{peer, POLLOUT, 0};
  while (::poll(&entry, 1, 0) == 1) {
    const ssize_t answer = ::send(peer, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (answer > 0) sent += static_cast<std::size_t>(answer);
  }
  return sent;
}

/// Asks once, so that a receive for many is there, then no more.
Task<> receive_all_later(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  for (int polite = 0; polite < 3; ++polite) {
    wire.put("hello");
    EXPECT_EQ(text_or_reason(co_await wire.stream.receive(soon())), "hello");
  }
  std::size_t sent = 0;
  std::size_t late = 0;
  for (int turn = 0; turn < 50; ++turn) {
    const std::size_t more = fill(wire.peer);
    sent += more;
    if (turn >= 10) late += more;
    EXPECT_TRUE(co_await engine.sleep(Deadline::after(1ms)));
  }
  EXPECT_LT(late, 2UZ << 20) << "were everything taken in that comes, there would be no end";
  wire.peer.close();
  Failure end{};
  const std::string all = co_await receive_all(wire.stream, end);
  EXPECT_EQ(all.size(), sent);
}

TEST_F(IoUring, WhatNobodyReceivesStaysInTheKernel) {
  for (const net::RingSizes& sizes : {net::RingSizes{}, kSmall}) {
    const auto engine = make(sizes);
    engine->run(receive_all_later(*engine, PlainListener{}));
  }
}

// Requests that outlive whoever made them.

/// The second receive is one for many, and stays.
Task<> receive_twice(Engine& engine, const PlainListener& listener, Plain& peer) {
  Wire wire = co_await connect_to(engine, listener);
  for (int polite = 0; polite < 2; ++polite) {
    wire.put("hello");
    EXPECT_EQ(text_or_reason(co_await wire.stream.receive(soon())), "hello");
  }
  peer = std::move(wire.peer);
}

TEST_F(IoUring, AStreamThatIsClosedWithAReceiveInTheKernelIsClosedForItsPeer) {
  const auto engine = make();
  Plain peer;
  engine->run(receive_twice(*engine, PlainListener{}, peer));
  char byte = 0;
  EXPECT_EQ(::recv(peer, &byte, 1, 0), 0) << "FIN, though the engine does not run any more";
}

Task<> reuse_descriptors(Engine& engine, const PlainListener& listener) {
  for (int round = 0; round < 200; ++round) {
    Wire old = co_await connect_to(engine, listener);
    for (int polite = 0; polite < 2; ++polite) {
      old.put("hello");
      EXPECT_EQ(text_or_reason(co_await old.stream.receive()), "hello");
    }
    old.put("for nobody");
    {
      const Stream closed = std::move(old.stream);
    }
    Wire next = co_await connect_to(engine, listener);
    next.put("for the next");
    EXPECT_EQ(text_or_reason(co_await next.stream.receive(soon())), "for the next");
  }
}

TEST_F(IoUring, WhatComesForAClosedStreamIsNotTheNextOnes) {
  for (const net::RingSizes& sizes : {net::RingSizes{}, kSmall}) {
    const auto engine = make(sizes);
    engine->run(reuse_descriptors(*engine, PlainListener{}));
  }
}

Task<> stop_a_send(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  {
    const std::string much(64UZ << 20, 'x');
    EXPECT_EQ(code_of(co_await wire.stream.send(bytes_of(much), Deadline::after(10ms))),
              Errc::timed_out);
  }
  // Its memory is gone, and the kernel must not read it any more.
  std::size_t received = 0;
  std::string some(1UZ << 16, '\0');
  EXPECT_EQ(::fcntl(wire.peer, F_SETFL, O_NONBLOCK), 0);
  for (int quiet = 0; quiet < 20;) {
    const ssize_t answer = ::recv(wire.peer, some.data(), some.size(), 0);
    if (answer > 0) {
      const std::string_view came{some.data(), static_cast<std::size_t>(answer)};
      EXPECT_EQ(came.find_first_not_of('x'), came.npos) << "at " << received;
      received += static_cast<std::size_t>(answer);
      quiet = 0;
    } else {
      EXPECT_TRUE(co_await engine.sleep(Deadline::after(1ms)));
      ++quiet;
    }
  }
  EXPECT_GT(received, 0U);
  EXPECT_LT(received, 64UZ << 20);
}

TEST_F(IoUring, ASendThatHasFailedIsOutOfTheKernel) {
  const auto engine = make();
  engine->run(stop_a_send(*engine, PlainListener{}));
}

TEST_F(IoUring, SaysWhatItCannotDo) {
  set_ring_sizes({.buffers = 3});
  const auto made = Engine::create(EngineKind::io_uring);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_supported);
  EXPECT_NE(std::string_view{made.error().call}.find("buffer"), std::string_view::npos);
}

}  // namespace
}  // namespace headrace::detail
