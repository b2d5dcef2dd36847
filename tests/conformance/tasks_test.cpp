// SPDX-License-Identifier: MIT
//
// What a service may rely on, under every model alike: deadlines, several tasks, Channels,
// cancelling, turns.
#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/channel.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Facts that services tell.
enum Fact : std::size_t { kTooEarly, kWrong, kEnded, kReaderSaw, kWriterSaw, kRunning, kStop };

void expect_fact(const Server& server, Fact fact, std::int64_t value) {
  wait_until("the service tells a fact", [&] { return server.report().facts[fact] == value; });
}

std::int64_t number(Errc code) { return static_cast<std::int64_t>(code); }

Task<Result<>> send_text(Stream& peer, std::string text) {
  co_return co_await peer.send(bytes_of(text));
}

Task<> echo_to(Stream& peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

// Deadlines.

/// Lets several deadlines pass, shorter and longer ones in turn, says so, and then echoes.
Task<> be_impatient(Report& report, Stream peer) {
  for (const auto limit : {60ms, 20ms, 100ms, 1ms, 40ms}) {
    const auto began = Clock::now();
    const auto bytes = co_await peer.receive(Deadline::after(limit));
    if (bytes || bytes.error().code != Errc::timed_out) ++report.facts[kWrong];
    if (Clock::now() - began < limit - 1ms) ++report.facts[kTooEarly];
  }
  const auto absolute = Clock::now() + 30ms;
  const auto bytes = co_await peer.receive(Deadline::at(absolute));
  if (bytes || bytes.error().code != Errc::timed_out) ++report.facts[kWrong];
  if (Clock::now() < absolute) ++report.facts[kTooEarly];
  if (co_await send_text(peer, "I have waited")) co_await echo_to(peer);
}

CONFORMANCE("deadlines that pass leave the stream usable, and none passes early") {
  Server server{model, be_impatient};
  Client client{server.address()};
  EXPECT_EQ(client.receive(13), "I have waited");
  ASSERT_TRUE(client.hears_nothing_for(250));  // no deadline of before is still at work
  const std::string bytes = bytes_of_size(200'000);
  EXPECT_TRUE(same(client.echo(bytes), bytes));
  EXPECT_EQ(server.report().facts[kWrong], 0);
  EXPECT_EQ(server.report().facts[kTooEarly], 0);
}

/// Bytes that come in time are not lost to a deadline, however close.
Task<> echo_in_short_breaths(Stream peer) {
  for (;;) {
    const auto bytes = co_await peer.receive(Deadline::after(1ms));
    if (!bytes && bytes.error().code == Errc::timed_out) continue;
    if (!bytes || !co_await peer.send(*bytes)) co_return;
  }
}

CONFORMANCE("bytes that come about when a deadline passes are not lost") {
  Server server{model, {.service = echo_in_short_breaths}};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(amount(300, 5000));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const auto byte = std::string_view{bytes}.substr(at, 1);
    (void)client.hears_nothing_for(static_cast<int>(at % 3));
    ASSERT_EQ(client.echo(byte), byte);
  }
}

Task<> send_with_deadline(Report& report, Stream peer) {
  const std::string bytes = bytes_of_size(32_MiB);
  const auto began = Clock::now();
  const auto sent = co_await peer.send(bytes_of(bytes), Deadline::after(100ms));
  if (Clock::now() - began < 99ms) ++report.facts[kTooEarly];
  report.facts[kWriterSaw] = sent ? 0 : number(sent.error().code);
}

CONFORMANCE("a send whose peer does not read ends at its deadline") {
  Server server{model, send_with_deadline};
  Client client{server.address()};
  expect_fact(server, kWriterSaw, number(Errc::timed_out));
  EXPECT_EQ(server.report().facts[kTooEarly], 0);
}

Task<> sleep_and_tell(Stream peer) {
  const auto began = Clock::now();
  (void)co_await peer.engine().sleep(Deadline::after(50ms));
  const bool slept = Clock::now() - began >= 50ms;
  (void)co_await send_text(peer, slept ? "slept" : "woke early");
}

CONFORMANCE("a sleep lasts as long as asked") {
  Server server{model, {.service = sleep_and_tell}};
  EXPECT_EQ(Client{server.address()}.receive_until_end(), "slept");
}

// Several tasks on one stream.

using Lines = Channel<std::string>;

Task<> read_into(Stream& peer, Lines& lines) {
  while (const auto bytes = co_await peer.receive())
    if (!co_await lines.send(peer.engine(), std::string{text_of(*bytes)})) break;
  lines.close();
}

Task<> write_from(Stream& peer, Lines& lines) {
  while (const auto line = co_await lines.receive(peer.engine()))
    if (!co_await peer.send(bytes_of(*line))) break;
}

Task<> relay(Stream peer) {
  Lines lines{2};
  TaskScope scope{peer.engine()};
  if (scope.spawn(read_into(peer, lines)) && scope.spawn(write_from(peer, lines)))
    co_await scope.join();
}

CONFORMANCE("a reader and a writer on one stream relay everything") {
  Server server{model, {.service = relay}};
  for (int round = 0; round < 3; ++round) {
    Client client{server.address()};
    const std::string bytes = bytes_of_size(amount(2, 64) * 1_MiB);
    EXPECT_TRUE(same(client.echo(bytes), bytes));
    for (int left = 100; left != 0; --left) ASSERT_EQ(client.echo("ping"), "ping");
    client.send("last");
    client.shutdown_send();
    EXPECT_EQ(client.receive_until_end(), "last");
  }
}

CONFORMANCE("a reader and a writer drain: what was received is answered") {
  Server server{model, {.service = relay}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  const std::string bytes = bytes_of_size(50'000);
  server.freeze();
  client.send(bytes);
  client.wait_until_delivered();
  server.signal(SIGTERM);
  server.thaw();
  EXPECT_TRUE(same(client.receive_until_end(), bytes));
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
}

// Cancelling.

Task<> note_receive(Report& report, Stream& peer) {
  const auto bytes = co_await peer.receive();
  report.facts[kReaderSaw] = bytes ? 0 : number(bytes.error().code);
}

Task<> note_channel(Report& report, Engine& engine, Lines& lines) {
  const auto line = co_await lines.receive(engine);
  report.facts[kWriterSaw] = line ? 0 : number(line.error().code);
}

Task<> note_send(Report& report, Stream& peer) {
  const std::string bytes = bytes_of_size(32_MiB);
  const auto sent = co_await peer.send(bytes_of(bytes));
  report.facts[kWriterSaw] = sent ? 0 : number(sent.error().code);
}

Task<> cancel_reader_and_waiter(Report& report, Stream peer) {
  Lines lines{1};
  TaskScope scope{peer.engine()};
  if (!scope.spawn(note_receive(report, peer)) ||
      !scope.spawn(note_channel(report, peer.engine(), lines)))
    co_return;
  (void)co_await peer.engine().sleep(Deadline::after(20ms));  // they wait by then, or will at once
  scope.cancel();
  co_await scope.join();
  report.facts[kRunning] = static_cast<std::int64_t>(scope.running());
  if (scope.spawn(note_receive(report, peer)))
    ++report.facts[kWrong];  // a cancelled scope takes no more
  if (co_await send_text(peer, "both have ended")) co_await echo_to(peer);
}

CONFORMANCE("a reader in receive and a writer on a Channel are cancelled and joined") {
  Server server{model, cancel_reader_and_waiter};
  Client client{server.address()};
  EXPECT_EQ(client.receive(15), "both have ended");
  EXPECT_EQ(server.report().facts[kReaderSaw], number(Errc::canceled));
  EXPECT_EQ(server.report().facts[kWriterSaw], number(Errc::canceled));
  EXPECT_EQ(server.report().facts[kRunning], 0);
  EXPECT_EQ(server.report().facts[kWrong], 0);
  EXPECT_EQ(client.echo("the stream is good"), "the stream is good");
}

Task<> cancel_reader_and_sender(Report& report, Stream peer) {
  TaskScope scope{peer.engine()};
  if (!scope.spawn(note_receive(report, peer)) || !scope.spawn(note_send(report, peer))) co_return;
  (void)co_await peer.engine().sleep(Deadline::after(50ms));
  scope.cancel();
  co_await scope.join();
  ++report.facts[kEnded];
}

CONFORMANCE("a reader in receive and a writer in a blocked send are cancelled and joined") {
  Server server{model, cancel_reader_and_sender};
  Client client{server.address()};
  expect_fact(server, kEnded, 1);
  EXPECT_EQ(server.report().facts[kReaderSaw], number(Errc::canceled));
  EXPECT_EQ(server.report().facts[kWriterSaw], number(Errc::canceled));
  client.receive_to_any_end();
}

/// Cancels at once, so that the cancel may come before the operations have begun.
Task<> cancel_at_once(Report& report, Stream peer) {
  Lines lines{1};
  while (co_await peer.receive()) {
    TaskScope scope{peer.engine()};
    if (!scope.spawn(note_receive(report, peer)) ||
        !scope.spawn(note_channel(report, peer.engine(), lines)))
      break;
    scope.cancel();
    co_await scope.join();
    ++report.facts[kEnded];
    if (!co_await send_text(peer, "!")) break;
  }
}

CONFORMANCE("a cancel that comes before the operation has begun is not missed") {
  Server server{model, cancel_at_once};
  Client client{server.address()};
  for (unsigned left = amount(50, 2000); left != 0; --left) ASSERT_EQ(client.echo("?"), "!");
  EXPECT_EQ(server.report().facts[kReaderSaw], number(Errc::canceled));
}

// Scopes.

/// Counts when the frame that holds it is destroyed.
struct Mourner {
  Report::Count& ended;
  explicit Mourner(Report::Count& count) noexcept : ended{count} {}
  Mourner(const Mourner&) = delete;
  Mourner& operator=(const Mourner&) = delete;
  ~Mourner() { ++ended; }
};

Task<> sleep_a_little(Report& report, Engine& engine, std::chrono::milliseconds how_long) {
  const Mourner mourner{report.facts[kEnded]};
  (void)co_await engine.sleep(Deadline::after(how_long));
}

Task<> nest(Report& report, Engine& engine) {
  const Mourner mourner{report.facts[kEnded]};
  TaskScope inner{engine};
  for (const auto how_long : {30ms, 0ms, 10ms})
    if (!inner.spawn(sleep_a_little(report, engine, how_long))) ++report.facts[kWrong];
  co_await inner.join();
}

Task<> join_them(Report& report, Stream peer) {
  TaskScope scope{peer.engine()};
  for (int left = 10; left != 0; --left)
    if (!scope.spawn(nest(report, peer.engine()))) ++report.facts[kWrong];
  co_await scope.join();
  const auto ended = report.facts[kEnded].load();
  report.facts[kRunning] = static_cast<std::int64_t>(scope.running());
  (void)co_await send_text(peer, std::to_string(ended));
}

CONFORMANCE("no task outlives its scope, nested ones neither") {
  Server server{model, join_them};
  EXPECT_EQ(Client{server.address()}.receive_until_end(), "40");
  EXPECT_EQ(server.report().facts[kRunning], 0);
  EXPECT_EQ(server.report().facts[kWrong], 0);
}

/// The tasks of a connection share a local without a lock.
Task<> add_up(Engine& engine, std::uint64_t& sum, int times) {
  for (; times != 0; --times) {
    const std::uint64_t before = sum;
    sum = before + 1;  // nothing comes in between but at a wait
    if (times % 100 == 0) (void)co_await engine.sleep(Deadline::after(0ms));
  }
}

Task<> share_a_local(Stream peer) {
  std::uint64_t sum = 0;
  TaskScope scope{peer.engine()};
  bool all = true;
  for (int left = 8; left != 0; --left)
    all = all && scope.spawn(add_up(peer.engine(), sum, 20'000));
  co_await scope.join();
  const std::string answer = all ? std::to_string(sum) : "no task";
  (void)co_await send_text(peer, answer);
}

CONFORMANCE("tasks of one connection share a local without a lock") {
  Server server{model, {.service = share_a_local}};
  EXPECT_EQ(Client{server.address()}.receive_until_end(), "160000");
}

}  // namespace
}  // namespace headrace::conformance
