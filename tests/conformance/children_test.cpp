// SPDX-License-Identifier: MIT
//
// Models that fork: what becomes of a client whose child dies, and of the children when their
// parent does. And signals that reach a whole group of processes at once, under every model.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "processes.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;

constexpr auto kNoChildren = "others have no children";
constexpr std::size_t kReply =
    16'000'000;  // more than the kernel takes for a peer that does not read

/// Echoes; "who?" is answered with the process, "exit" is obeyed in the middle of everything.
Task<> echo_or_obey(Stream peer) {
  while (const auto bytes = co_await peer.receive()) {
    std::string answer{text_of(*bytes)};
    if (answer == "exit") std::_Exit(3);
    if (answer == "who?") answer = std::to_string(::getpid());
    if (!co_await peer.send(bytes_of(answer))) co_return;
  }
}

pid_t child_of(Client& client) {
  client.send("who?");
  return static_cast<pid_t>(std::stol(client.receive_some()));
}

void wait_for_killed(const Server& server, std::int64_t count) {
  const auto& killed = server.report().departed[static_cast<std::size_t>(Departure::killed)];
  wait_until("a killed child is reported", [&] { return killed == count; });
}

CONFORMANCE("a killed child takes its own client with it, is reported and makes room",
            forking(kNoChildren)) {
  Server server{model, {.service = echo_or_obey, .options = {.max_connections = 2}}};
  Client unlucky{server.address()};
  Client steady{server.address()};
  const pid_t child = child_of(unlucky);
  EXPECT_EQ(steady.echo("both"), "both");
  ASSERT_NE(child, child_of(steady));
  EXPECT_EQ(unlucky.echo("are served"), "are served");
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  unlucky.receive_to_any_end();
  wait_for_killed(server, 1);
  EXPECT_EQ(steady.echo("still here"), "still here");
  Client next{server.address()};
  EXPECT_EQ(next.echo("and I"), "and I");
  next.close();
  steady.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.killed, 1U);
  EXPECT_EQ(total.connections, 3U);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(total.refused, 0U);
  EXPECT_EQ(total.bytes_received, 2 * 4U + 4 + 10 + 10 + 5);  // of the killed one too
  EXPECT_EQ(server.report().arrived, 3);
  EXPECT_EQ(server.report().departures(), 3);
}

CONFORMANCE("a service that ends its process does not stop the server", forking(kNoChildren)) {
  Server server{model, {.service = echo_or_obey, .options = {.workers = workers_for(model, 1)}}};
  constexpr unsigned kRounds = 5;
  for (unsigned round = 1; round <= kRounds; ++round) {
    Client client{server.address()};
    client.send("exit");
    client.receive_to_any_end();
    wait_for_killed(server, round);
  }
  EXPECT_EQ(Client{server.address()}.echo("next"), "next");
  const Statistics total = server.stop();
  EXPECT_EQ(total.killed, kRounds);
  EXPECT_EQ(total.connections, kRounds + 1);
  EXPECT_EQ(total.open, 0U);
}

CONFORMANCE("children that wait are replaced when they die",
            {[](const ModelInfo& each) { return each.launcher == LauncherKind::prefork; },
             "only there do they wait"}) {
  Server server{model, {.options = {.workers = 3}}};
  wait_until("all have been made", [&] { return server.children().size() == 3; });
  for (const pid_t child : server.children()) {
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    wait_until("it is gone", [&] { return proc::is_gone(child); });
  }
  wait_until("all have been replaced", [&] { return server.children().size() == 3; });
  EXPECT_EQ(Client{server.address()}.echo("hello"), "hello");
}

CONFORMANCE("no child is left once the server has stopped", forking(kNoChildren)) {
  Server server{model};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  const std::vector<pid_t> children = server.children();
  EXPECT_FALSE(children.empty());
  client.close();
  (void)server.stop();
  EXPECT_TRUE(std::ranges::all_of(children, proc::is_gone));
}

CONFORMANCE("no child is left once the server was killed", forking(kNoChildren)) {
  Server server{model};
  Client client{server.address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  const std::vector<pid_t> children = server.children();
  EXPECT_FALSE(children.empty());
  server.kill();
  for (const pid_t child : children)
    wait_until("a child is gone", [&] { return proc::is_gone(child); });
  client.receive_to_any_end();
  EXPECT_FALSE(is_listening(server.address()));
}

CONFORMANCE("SIGTERM to one child drains that one", forking(kNoChildren)) {
  Server server{model, {.service = echo_or_obey}};
  Client told{server.address()};
  Client other{server.address()};
  const pid_t child = child_of(told);
  EXPECT_EQ(other.echo("hello"), "hello");
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  EXPECT_EQ(told.receive_until_end(), "");
  told.close();
  wait_until("it is gone", [&] { return proc::is_gone(child); });
  EXPECT_EQ(other.echo("still here"), "still here");
  EXPECT_EQ(Client{server.address()}.echo("come in"), "come in");
  other.close();
  EXPECT_EQ(server.report().draining, 0);
  const Statistics total = server.stop();
  EXPECT_EQ(total.killed + total.cut + total.reset, 0U);
}

CONFORMANCE("a child that is stopped in its tracks does not hold the server for ever",
            forking(kNoChildren)) {
  Server server{model, {.service = echo_or_obey, .options = {.drain = 100ms}}};
  Client client{server.address()};
  const pid_t child = child_of(client);
  ASSERT_EQ(::kill(child, SIGSTOP), 0);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 1U);
  EXPECT_EQ(server.report().total.open, 0U);
  EXPECT_TRUE(proc::is_gone(child));
}

/// Answers the first message at length, then listens on.
Task<> reply_at_length(Stream peer) {
  const std::string reply = bytes_of_size(kReply);
  if (!co_await peer.receive() || !co_await peer.send(bytes_of(reply))) co_return;
  while (co_await peer.receive()) {
  }
}

CONFORMANCE("a signal to the whole group, as from Ctrl-C, counts once") {
  for (const int signal : {SIGINT, SIGTERM}) {
    Server server{model, {.service = reply_at_length}};
    Client client{server.address(), {.kernel_buffers = 16384}};
    client.send("?");
    std::string reply = client.receive(1);  // it has begun
    server.signal_group(signal);
    wait_until("the server drains", [&] { return server.report().draining == 1; });
    reply += client.receive_until_end();
    EXPECT_TRUE(same(reply, bytes_of_size(kReply)));
    client.close();
    EXPECT_EQ(server.wait_for_exit(), 0);
    EXPECT_EQ(server.report().total.cut + server.report().total.killed, 0U);
  }
}

}  // namespace
}  // namespace headrace::conformance
