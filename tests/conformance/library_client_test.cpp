// SPDX-License-Identifier: MIT
//
// The library on the client's side: connect() and Listener, on each engine.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/connect.hpp"
#include "headrace/engine.hpp"
#include "headrace/listener.hpp"
#include "headrace/task_scope.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Models every_engine() { return one_for_each_engine("the launcher has no part in it"); }

std::unique_ptr<Engine> engine_of(const ModelInfo& model) {
  auto engine = Engine::create(model.engine);
  if (!engine) throw std::runtime_error{"no engine"};
  return std::move(*engine);
}

Task<Result<>> send_all(Stream& stream, const std::string& bytes) {
  co_return co_await stream.send(bytes_of(bytes));
}

Task<> send_then_end(Stream& stream, const std::string& bytes) {
  EXPECT_TRUE(co_await stream.send(bytes_of(bytes)));
  EXPECT_TRUE(stream.shutdown_send());
}

Task<> receive_all(Stream& stream, std::string& into) {
  for (;;) {
    const auto bytes = co_await stream.receive();
    if (!bytes) {
      EXPECT_EQ(bytes.error().code, Errc::end_of_stream) << bytes.error().reason();
      co_return;
    }
    into += text_of(*bytes);
  }
}

/// Sends and receives at the same time, so it may be more than the kernel holds.
Task<> echo_much(Engine& engine, Address to, const std::string& bytes, std::string& back) {
  auto stream = co_await connect(engine, to, Deadline::after(patience()));
  EXPECT_TRUE(stream);
  if (!stream) co_return;
  EXPECT_EQ(stream->peer(), to);
  EXPECT_EQ(stream->id(), 0U);
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(send_then_end(*stream, bytes)));
  EXPECT_TRUE(scope.spawn(receive_all(*stream, back)));
  co_await scope.join();
}

CONFORMANCE("a client of the library gets its whole echo", every_engine()) {
  Server server{model};
  const auto engine = engine_of(model);
  const std::string bytes = bytes_of_size(amount(8, 256) * 1_MiB);
  std::string back;
  engine->run(echo_much(*engine, server.address(), bytes, back));
  EXPECT_TRUE(same(back, bytes));
}

Task<> echo_by_path(Engine& engine, Address to, std::string& back) {
  auto stream = co_await connect(engine, to, Deadline::after(patience()));
  EXPECT_TRUE(stream);
  if (!stream) co_return;
  EXPECT_TRUE(co_await send_all(*stream, "hello"));
  if (const auto bytes = co_await stream->receive(Deadline::after(patience())))
    back = text_of(*bytes);
}

CONFORMANCE("a client of the library connects to a Unix path", every_engine()) {
  const std::string listen = "unix:/tmp/headrace-conformance-client-" + std::to_string(::getpid());
  Server server{model, {.listen = {listen}}};
  const auto engine = engine_of(model);
  std::string back;
  engine->run(echo_by_path(*engine, server.address(), back));
  EXPECT_EQ(back, "hello");
}

Task<> connect_in_vain(Engine& engine, Address to, Errc& why) {
  const auto stream = co_await connect(engine, to, Deadline::after(patience()));
  EXPECT_FALSE(stream);
  if (!stream) why = stream.error().code;
}

CONFORMANCE("where nobody listens a client is refused", every_engine()) {
  Address nobody = Address::ip(Transport::tcp, "127.0.0.1", 0);
  {
    Server server{model};
    nobody = server.address();
  }
  const auto engine = engine_of(model);
  Errc why{};
  engine->run(connect_in_vain(*engine, nobody, why));
  EXPECT_EQ(why, Errc::refused);
}

Task<> wait_then_echo(Engine& engine, Address to, std::string& back) {
  auto stream = co_await connect(engine, to, Deadline::after(patience()));
  EXPECT_TRUE(stream);
  if (!stream) co_return;
  const auto began = Clock::now();
  const auto nothing = co_await stream->receive(Deadline::after(50ms));
  EXPECT_GE(Clock::now() - began, 49ms);
  EXPECT_TRUE(!nothing && nothing.error().code == Errc::timed_out);
  EXPECT_TRUE(co_await send_all(*stream, "still good"));
  if (const auto bytes = co_await stream->receive(Deadline::after(patience())))
    back = text_of(*bytes);
}

CONFORMANCE("a client's deadline leaves its stream usable", every_engine()) {
  Server server{model};
  const auto engine = engine_of(model);
  std::string back;
  engine->run(wait_then_echo(*engine, server.address(), back));
  EXPECT_EQ(back, "still good");
}

Task<> greet(Stream peer) {
  const std::string greeting = "welcome to " + std::string{AddressText{peer.local()}.view()};
  (void)co_await peer.send(bytes_of(greeting));
}

Task<> accept_one(Listener& listener) {
  auto peer = co_await listener.accept(Deadline::after(patience()));
  EXPECT_TRUE(peer);
  if (peer) co_await greet(std::move(*peer));
}

Task<> visit(Engine& engine, Address to, std::string& heard) {
  auto stream = co_await connect(engine, to, Deadline::after(patience()));
  EXPECT_TRUE(stream);
  if (stream) co_await receive_all(*stream, heard);
}

/// Both ends on one engine.
Task<> host_and_guest(Engine& engine, Listener& listener, std::string& heard) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(accept_one(listener)));
  EXPECT_TRUE(scope.spawn(visit(engine, listener.address(), heard)));
  co_await scope.join();
}

CONFORMANCE("a listener and a client of the library meet on one engine", every_engine()) {
  const auto engine = engine_of(model);
  for (const auto at : {"127.0.0.1:0", "[::1]:0", "unix:@headrace-conformance-meeting"}) {
    auto listener = Listener::open(*engine, *Address::parse(at));
    ASSERT_TRUE(listener) << at;
    std::string heard;
    engine->run(host_and_guest(*engine, *listener, heard));
    EXPECT_TRUE(heard.starts_with("welcome to ")) << at << ": " << heard;
  }
}

Task<> accept_nobody(Listener& listener, Errc& why) {
  const auto began = Clock::now();
  const auto peer = co_await listener.accept(Deadline::after(40ms));
  EXPECT_GE(Clock::now() - began, 39ms);
  if (!peer) why = peer.error().code;
}

CONFORMANCE("an accept ends at its deadline, and the listener is good for the next",
            every_engine()) {
  const auto engine = engine_of(model);
  auto listener = Listener::open(*engine, *Address::parse("127.0.0.1:0"));
  ASSERT_TRUE(listener);
  Errc why{};
  engine->run(accept_nobody(*listener, why));
  EXPECT_EQ(why, Errc::timed_out);
  std::string heard;
  engine->run(host_and_guest(*engine, *listener, heard));
  EXPECT_TRUE(heard.starts_with("welcome to "));
}

Task<> accept_until_canceled(Listener& listener, Errc& why) {
  const auto peer = co_await listener.accept();
  if (!peer) why = peer.error().code;
}

Task<> cancel_waiting_accept(Engine& engine, Listener& listener, Errc& why) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(accept_until_canceled(listener, why)));
  (void)co_await engine.sleep(Deadline::after(20ms));
  scope.cancel();
  co_await scope.join();
}

CONFORMANCE("a waiting accept is cancelled", every_engine()) {
  const auto engine = engine_of(model);
  auto listener = Listener::open(*engine, *Address::parse("127.0.0.1:0"));
  ASSERT_TRUE(listener);
  Errc why{};
  engine->run(cancel_waiting_accept(*engine, *listener, why));
  EXPECT_EQ(why, Errc::canceled);
}

}  // namespace
}  // namespace headrace::conformance
