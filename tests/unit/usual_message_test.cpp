// SPDX-License-Identifier: MIT
//
// A stream's receive and send without a deadline have a path of their own in the engines, for the
// usual message. Here is what is unusual on it: the end, a reset, a cancel. A receive that has
// found an end must find it again, though an edge is told once. Not here: peers that do not read
// (tests/conformance).
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "engines.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using UsualMessageTest = OnEveryEngine;

Task<> receive_the_end_twice(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  for (const std::string_view text : {"first", "second"}) {
    wire.put(text);
    EXPECT_EQ(text_or_reason(co_await wire.stream.receive()), text);
  }
  ::shutdown(wire.peer, SHUT_WR);
  EXPECT_EQ(code_of(co_await wire.stream.receive()), Errc::end_of_stream);
  EXPECT_EQ(code_of(co_await wire.stream.receive()), Errc::end_of_stream);
  const auto sent = co_await wire.stream.send(bytes_of("still open"));
  EXPECT_TRUE(sent);
}

TEST_P(UsualMessageTest, TheEndOfAStreamIsSaidAsOftenAsAsked) {
  engine.run(receive_the_end_twice(engine, PlainListener{}));
  engine.run(receive_the_end_twice(engine, PlainListener{Transport::unix_stream}));
}

Task<> receive_a_reset(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  wire.put("x");
  EXPECT_EQ(text_or_reason(co_await wire.stream.receive()), "x");
  const ::linger at_once{1, 0};
  ::setsockopt(wire.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  wire.peer.close();
  EXPECT_EQ(code_of(co_await wire.stream.receive()), Errc::reset);
  EXPECT_EQ(code_of(co_await wire.stream.receive()), Errc::end_of_stream);  // told once: recv(2)
  EXPECT_EQ(code_of(co_await wire.stream.send(bytes_of("x"))), Errc::broken_pipe);
}

TEST_P(UsualMessageTest, AfterAResetNothingWaitsForMore) {
  engine.run(receive_a_reset(engine, PlainListener{}));
}

Task<> receive_into(Stream stream, Errc& how) {
  const auto bytes = co_await stream.receive();
  how = code_of(bytes);
}

Task<> cancel_a_receive(Engine& engine, const PlainListener& listener, Errc& how) {
  Wire wire = co_await connect_to(engine, listener);
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(receive_into(std::move(wire.stream), how)));
  scope.cancel();
  co_await scope.join();
}

TEST_P(UsualMessageTest, AReceiveThatWaitsIsCancelled) {
  Errc how{};
  engine.run(cancel_a_receive(engine, PlainListener{}, how));
  EXPECT_EQ(how, Errc::canceled);
}

HEADRACE_ON_EVERY_ENGINE(UsualMessageTest);

}  // namespace
}  // namespace headrace
