// SPDX-License-Identifier: MIT
//
// What a server allows, what it counts, what it costs, and that its clients share it fairly.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <stdexcept>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/channel.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

void wait_for_departures(const Server& server, std::int64_t count) {
  wait_until("those who left are gone", [&] { return server.report().departures() == count; });
}

CONFORMANCE("statistics are exact") {
  Server server{model};
  std::size_t bytes = 0;
  for (std::size_t index = 1; index <= 20; ++index) {
    Client client{server.address()};
    EXPECT_TRUE(same(client.echo(bytes_of_size(index * 1000)), bytes_of_size(index * 1000)));
    bytes += index * 1000;
    if (index % 5 == 0)
      client.reset();
    else
      client.close();
    wait_for_departures(server, static_cast<std::int64_t>(index));
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 20U);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(total.most_at_once, 1U);
  EXPECT_EQ(total.bytes_received, bytes);
  EXPECT_EQ(total.bytes_sent, bytes);
  EXPECT_GE(total.messages, 20U);
  EXPECT_EQ(total.reset, 4U);
  EXPECT_EQ(total.refused + total.timed_out + total.cut, 0U);
  EXPECT_EQ(server.report().arrived, 20);
  EXPECT_EQ(server.report().departed[static_cast<std::size_t>(Departure::finished)], 16);
  EXPECT_EQ(server.report().departed[static_cast<std::size_t>(Departure::reset)], 4);
}

CONFORMANCE("whom no worker is free for waits in the backlog",
            {clients_hold_workers, "others make room, or have one place"}) {
  Server server{model, {.options = {.workers = 2}}};
  Client first{server.address()};
  Client second{server.address()};
  EXPECT_EQ(first.echo("1"), "1");
  EXPECT_EQ(second.echo("2"), "2");
  Client third{server.address()};
  third.send("3");
  EXPECT_TRUE(third.hears_nothing_for(100));
  EXPECT_EQ(server.report().arrived, 2);
  first.close();
  EXPECT_EQ(third.receive(1), "3");
  EXPECT_EQ(second.echo("2 still"), "2 still");
  second.close();
  third.close();
  EXPECT_EQ(server.stop().most_at_once, 2U);
}

CONFORMANCE("the most at once is exact", several_at_once("always 1")) {
  Server server{model, {.clients = 40}};
  for (const std::size_t crowd : {std::size_t{7}, std::size_t{40}, std::size_t{12}}) {
    const std::int64_t before = server.report().departures();
    std::deque<Client> clients;
    for (std::size_t left = crowd; left != 0; --left)
      EXPECT_EQ(clients.emplace_back(server.address()).echo("x"), "x");
    clients.clear();
    wait_for_departures(server, before + static_cast<std::int64_t>(crowd));
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 59U);
  EXPECT_EQ(total.most_at_once, 40U);
}

CONFORMANCE("one more than the most connections is refused and counted",
            several_at_once("the second waits")) {
  Server server{model, {.options = {.max_connections = 2}}};
  Client first{server.address()};
  Client second{server.address()};
  EXPECT_EQ(first.echo("1"), "1");
  EXPECT_EQ(second.echo("2"), "2");
  for (int left = 3; left != 0; --left) Client{server.address()}.receive_to_any_end();
  EXPECT_EQ(server.report().refused[static_cast<std::size_t>(Refusal::max_connections)], 3);
  first.close();
  wait_for_departures(server, 1);
  Client fourth{server.address()};
  EXPECT_EQ(fourth.echo("4"), "4");
  EXPECT_EQ(second.echo("2 still"), "2 still");
  second.close();
  fourth.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 3U);
  EXPECT_EQ(total.most_at_once, 2U);
  EXPECT_EQ(total.refused, 3U);
}

CONFORMANCE("one more than the most of one address is refused and counted",
            several_at_once("the second waits")) {
  Server server{model, {.options = {.max_per_address = 2}}};
  Client first{server.address()};
  Client second{server.address()};
  EXPECT_EQ(first.echo("1"), "1");
  EXPECT_EQ(second.echo("2"), "2");
  Client{server.address()}.receive_to_any_end();
  Client elsewhere{server.address(), {.from = "127.0.0.2"}};
  EXPECT_EQ(elsewhere.echo("from elsewhere"), "from elsewhere");
  EXPECT_EQ(server.report().refused[static_cast<std::size_t>(Refusal::max_per_address)], 1);
  second.close();
  wait_for_departures(server, 1);
  EXPECT_EQ(Client{server.address()}.echo("3"), "3");
  first.close();
  elsewhere.close();
  EXPECT_EQ(server.stop().refused, 1U);
}

CONFORMANCE("loopback clients have no limit by address unless asked for",
            several_at_once("one after another")) {
  const unsigned crowd = clients_at_once(model, 300);
  Server server{model, {.clients = crowd}};
  std::deque<Client> clients;
  for (unsigned left = crowd; left != 0; --left) clients.emplace_back(server.address()).send("x");
  for (Client& client : clients) EXPECT_EQ(client.receive(1), "x");
  clients.clear();
  EXPECT_EQ(server.stop().refused, 0U);
}

/// A client that asks again and again. The server hears nothing of it for no longer than from one
/// question to the answer to the next: if that was long, the scheduler has held up one of the two,
/// and what the server did is neither right nor wrong.
class Talk {
 public:
  /// `since`: before the client came.
  Talk(Client& client, std::chrono::nanoseconds longest, Clock::time_point since)
      : client_{client}, longest_{longest}, asked_{since} {}

  /// One more question. False when it came too late; else it must have been answered.
  [[nodiscard]] bool goes_on() {
    const auto before = std::exchange(asked_, Clock::now());
    const bool answered = is_answered();
    if (Clock::now() - before >= longest_) return false;
    EXPECT_TRUE(answered) << "closed, though it was not idle";
    return true;
  }

 private:
  bool is_answered() {
    try {
      return client_.echo("tick") == "tick";
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  Client& client_;
  std::chrono::nanoseconds longest_;
  Clock::time_point asked_;
};

using Attempt = bool (*)(const ModelInfo& model, std::chrono::milliseconds idle);

/// Attempts tell whether nobody was held up; else there is another, with more time.
void try_until_undisturbed(const ModelInfo& model, Attempt attempt,
                           std::chrono::milliseconds idle) {
  while (!attempt(model, idle)) {
    idle *= 2;
    ASSERT_LT(idle, 20s) << "somebody is held up every time";
  }
}

bool closes_the_idle_one_only(const ModelInfo& model, std::chrono::milliseconds idle_for) {
  Server server{model, {.options = {.idle_timeout = Deadline::after(idle_for)}}};
  const auto began = Clock::now();
  Client active{server.address()};
  Client idle{server.address()};
  Talk talk{active, idle_for, began};
  Talk hello{idle, idle_for, began};
  if (!hello.goes_on()) return false;
  do {
    if (!talk.goes_on()) return false;
  } while (idle.hears_nothing_for(20));
  EXPECT_GE(Clock::now() - began, idle_for);
  EXPECT_EQ(idle.receive_until_end(), "");
  if (!talk.goes_on()) return false;
  active.close();
  idle.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.timed_out, 1U);
  EXPECT_EQ(total.connections, 2U);
  return true;
}

CONFORMANCE("the idle timeout closes the idle client only", several_at_once("two at once")) {
  try_until_undisturbed(model, closes_the_idle_one_only, 500ms);
}

bool counts_from_the_last_byte(const ModelInfo& model, std::chrono::milliseconds idle) {
  Server server{model, {.options = {.idle_timeout = Deadline::after(idle)}}};
  const auto began = Clock::now();
  Client client{server.address()};
  Talk talk{client, idle, began};
  for (int left = 6; left != 0; --left) {  // longer than the timeout in all
    if (!talk.goes_on()) return false;
    (void)client.hears_nothing_for(static_cast<int>(idle / 3ms));
  }
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server.stop().timed_out, 1U);
  return true;
}

CONFORMANCE("the idle timeout counts from the last byte, and is counted") {
  try_until_undisturbed(model, counts_from_the_last_byte, 300ms);
}

constexpr std::size_t kLong =
    16'000'000;  // more than the kernel takes for a peer that does not read

Task<> send_at_length(Stream peer) {
  const std::string bytes = bytes_of_size(kLong);
  (void)co_await peer.send(bytes_of(bytes));
}

CONFORMANCE("a client that reads nothing is idle") {
  Server server{model,
                {.service = send_at_length, .options = {.idle_timeout = Deadline::after(300ms)}}};
  Client client{server.address(), {.kernel_buffers = 16384}};
  wait_for_departures(server, 1);
  client.close();
  EXPECT_EQ(server.stop().timed_out, 1U);
}

bool serves_who_reads_slowly(const ModelInfo& model, std::chrono::milliseconds idle) {
  Server server{model,
                {.service = send_at_length, .options = {.idle_timeout = Deadline::after(idle)}}};
  Clock::time_point read = Clock::now();
  Client client{server.address(), {.kernel_buffers = 16384}};
  std::string all;
  while (all.size() < kLong) {
    try {
      all += client.receive(kLong / 200);
    } catch (const std::runtime_error&) {
      EXPECT_GE(Clock::now() - read, idle / 2) << "closed, though it was not idle";
      return false;
    }
    const auto before = std::exchange(read, Clock::now());
    if (read - before >= idle / 2) return false;
    // 25 times: longer than the timeout.
    if (all.size() < kLong / 8) (void)::poll(nullptr, 0, static_cast<int>(idle / 16ms));
  }
  EXPECT_EQ(client.receive_until_end(), "");
  EXPECT_TRUE(same(all, bytes_of_size(kLong)));
  client.close();
  EXPECT_EQ(server.stop().timed_out, 0U);
  return true;
}

CONFORMANCE("a client that reads slowly is not idle") {
  try_until_undisturbed(model, serves_who_reads_slowly, 800ms);
}

CONFORMANCE("descriptors, children and threads are back at their level after many clients") {
  Server server{model};
  EXPECT_EQ(Client{server.address()}.echo("warm"), "warm");
  wait_for_departures(server, 1);
  const std::size_t processes = server.processes();
  const std::size_t descriptors = server.descriptors();
  const auto threads = server.threads();  // the warm one's may be among them, and a sanitizer's
  const unsigned count = amount(800, 4000);
  for (unsigned index = 0; index < count; ++index) {
    Client client{server.address()};
    if (index % 3 == 0)
      client.send("and gone");
    else
      (void)client.echo("x");
    if (index % 7 == 0) client.reset();
  }
  wait_for_departures(server, count + 1);
  wait_until("the children are gone", [&] { return server.processes() <= processes; });
  wait_until("the descriptors are back", [&] { return server.descriptors() <= descriptors; });
  wait_until("the threads are back", [&] { return server.threads() <= threads; });
}

CONFORMANCE("memory is back at its level after many clients", several_at_once("many")) {
  Server server{model, {.clients = 200}};
  const auto crowd = [&server] {
    std::deque<Client> clients;
    for (int left = 200; left != 0; --left)
      clients.emplace_back(server.address()).send(bytes_of_size(5000));
    for (Client& client : clients) (void)client.receive(5000);
  };
  for (int round = 0; round < 3; ++round) crowd();
  wait_for_departures(server, 600);
  const std::size_t before = server.private_memory();
  for (int round = 0; round < 10; ++round) crowd();
  wait_for_departures(server, 2600);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep freed memory
  EXPECT_LT(server.private_memory(),
            before + 3_MiB);  // glibc keeps stacks and arenas of threads that have ended
#else
  EXPECT_GT(server.private_memory(), 0U) << before;
#endif
}

void serve_with_workers(const ModelInfo& model, Workers workers) {
  Server server{model, {.options = {.workers = workers}}};
  std::size_t bytes = 0;
  std::deque<Client> clients;
  for (std::size_t index = 0; index < 200; ++index) {
    clients.emplace_back(server.address()).send(bytes_of_size(index * 50 + 1, index));
    bytes += index * 50 + 1;
  }
  for (std::size_t index = 0; index < 200; ++index)
    EXPECT_TRUE(same(clients[index].receive(index * 50 + 1), bytes_of_size(index * 50 + 1, index)));
  clients.clear();
  wait_for_departures(server, 200);
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 200U);
  EXPECT_EQ(total.most_at_once, 200U);
  EXPECT_EQ(total.bytes_received, bytes);
  EXPECT_EQ(total.bytes_sent, bytes);
}

CONFORMANCE("200 clients at once are counted exactly", several_at_once("one at a time")) {
  serve_with_workers(model, workers_for(model, 200));
}

CONFORMANCE("two workers serve everybody and count exactly",
            event_loops("others have no workers")) {
  serve_with_workers(model, 2);
}

CONFORMANCE("a worker for each core serves everybody", event_loops("others have no workers")) {
  serve_with_workers(model, Workers::automatic());
}

CONFORMANCE("two workers drain, and both cut what does not end",
            event_loops("others have no workers")) {
  Server server{model, {.options = {.workers = 2, .drain = 300ms}}};
  std::deque<Client> clients;
  const std::string bytes = bytes_of_size(32_MiB);
  for (int left = 8; left != 0; --left) clients.emplace_back(server.address());
  for (bool moves = true; moves;) {
    moves = false;
    for (Client& client : clients) moves = client.send_some(bytes) != 0 || moves;
    if (!moves) server.let_it_work();  // it may have got no turn, and take more
    for (Client& client : clients) moves = client.send_some(bytes) != 0 || moves;
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 8U);
}

CONFORMANCE("two workers share a Unix address", event_loops("others have no workers")) {
  Server server{model,
                {.options = {.workers = 2}, .listen = {"unix:@headrace-conformance-workers"}}};
  std::deque<Client> clients;
  for (int left = 50; left != 0; --left) clients.emplace_back(server.address()).send("x");
  for (Client& client : clients) EXPECT_EQ(client.receive(1), "x");
  clients.clear();
  EXPECT_EQ(server.stop().connections, 50U);
}

// Facts of a service that wants to be alone.
enum Fact : std::size_t { kThere, kNotAlone };

Task<> echo_alone(Report& report, Stream peer) {
  if (++report.facts[kThere] != 1) ++report.facts[kNotAlone];
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) break;
  --report.facts[kThere];
}

int serve_one_at_a_time(const Service& service, const ServeOptions& given) {
  Service alone = service;
  ServeOptions options = given;
  options.workers = Workers::by_model();  // the harness asks for more where clients hold them
  return serve(alone.serving(Concurrency::one), options);
}

CONFORMANCE("a service for one client at a time gets one after another") {
  Server server{model, echo_alone, {.run = serve_one_at_a_time}};
  std::deque<Client> clients;
  for (std::size_t index = 0; index < 10; ++index)
    clients.emplace_back(server.address()).send(bytes_of_size(100, index));
  for (std::size_t index = 0; index < 10; ++index) {
    EXPECT_TRUE(same(clients[index].receive(100), bytes_of_size(100, index)));
    EXPECT_EQ(clients[index].echo("alone"), "alone");
    clients[index].close();
  }
  EXPECT_EQ(server.report().facts[kNotAlone], 0);
  EXPECT_EQ(server.stop().connections, 10U);
}

CONFORMANCE("one at a time drains too") {
  Server server{model, echo_alone, {.options = {.drain = 1h}, .run = serve_one_at_a_time}};
  Client first{server.address()};
  EXPECT_EQ(first.echo("hello"), "hello");
  Client second{server.address()};
  server.signal(SIGTERM);
  EXPECT_EQ(first.receive_until_end(), "");
  first.close();
  second.receive_to_any_end();
  second.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
}

CONFORMANCE("a service for one client at a time takes no second worker") {
  const Service alone = Service{services::echo}.serving(Concurrency::one);
  const FailedStart start = start_that_fails(model, "tcp://127.0.0.1:0", 2, alone);
  EXPECT_EQ(start.status, 2);
  EXPECT_EQ(start.why, Errc::not_supported);
}

CONFORMANCE("a service that needs shared memory is refused", forking("others have it")) {
  const Service room = Service{services::echo}.needing(Needs::shared_memory);
  const FailedStart start = start_that_fails(model, "tcp://127.0.0.1:0", Workers::by_model(), room);
  EXPECT_EQ(start.status, 2);
  EXPECT_EQ(start.why, Errc::not_supported);
}

}  // namespace
}  // namespace headrace::conformance
