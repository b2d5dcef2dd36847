// SPDX-License-Identifier: MIT
//
// What the world around a server does to it: signals in storms, a terminal that hangs up, standard
// streams that are closed. Not here: the signals that stop it (draining_test.cpp).
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

/// Signals that mean nothing to a server, though it may use them itself: SIGURG wakes blocked
/// threads, SIGCHLD comes of children.
constexpr std::array kHarmless{SIGURG, SIGCONT, SIGWINCH, SIGCHLD};

/// To every process of the server, for as long as it lives.
class Storm {
 public:
  explicit Storm(const Server& server)
      : thread_{[this, &server] {
          while (!over_)
            for (const int signal : kHarmless) server.signal_group(signal);
        }} {}
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

CONFORMANCE("a storm of signals to the server and its children loses nothing") {
  Server server{model};
  const std::string bytes = bytes_of_size(amount(2, 64) * 1_MiB);
  {
    const Storm storm{server};
    for (int left = 10; left != 0; --left) {
      Client passing{server.address()};
      ASSERT_EQ(passing.echo("hello"), "hello");
      passing.shutdown_send();
      ASSERT_EQ(passing.receive_until_end(), "");
    }
    Client client{server.address(), {.kernel_buffers = 8192}};
    EXPECT_TRUE(same(client.echo(bytes), bytes));
    client.shutdown_send();
    EXPECT_EQ(client.receive_until_end(), "");
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 11U);
  EXPECT_EQ(total.reset, 0U);
  EXPECT_EQ(total.bytes_sent, bytes.size() + 50);
}

CONFORMANCE("a storm of signals changes nothing about the drain") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(60'000);
  EXPECT_EQ(client.echo("I am in"), "I am in");
  client.send(bytes);
  client.wait_until_delivered();
  {
    const Storm storm{server};
    server.signal(SIGTERM);
    EXPECT_TRUE(same(client.receive_until_end(), bytes));
  }
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
  EXPECT_EQ(server.report().draining, 1);
}

CONFORMANCE("stopped and continued again and again under load, everybody gets every byte",
            several_at_once("many")) {
  constexpr unsigned kClients = 20;
  Server server{model};
  std::deque<Client> clients;
  for (unsigned left = kClients; left != 0; --left) clients.emplace_back(server.address());
  for (unsigned round = amount(30, 1000); round != 0; --round) {
    const std::string bytes = bytes_of_size(round * 113, round);
    for (Client& client : clients) client.send(bytes);
    server.freeze();
    server.thaw();
    for (Client& client : clients) ASSERT_TRUE(same(client.receive(bytes.size()), bytes)) << round;
  }
  clients.clear();
  EXPECT_EQ(server.stop().reset, 0U);
}

int serve_detached(const Service& service, const ServeOptions& options) {
  const int nothing = ::open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    (void)::dup2(nothing, stream);
  (void)::close(nothing);
  return serve(service, options);
}

CONFORMANCE("detached from a terminal, SIGHUP does not stop it") {
  Server server{model, {.run = serve_detached}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("before"), "before");
  server.signal_group(SIGHUP);
  EXPECT_EQ(client.echo("after"), "after");
  client.close();
  Client next{server.address()};
  EXPECT_EQ(next.echo("next"), "next");
  EXPECT_EQ(server.report().draining, 0);
}

/// Its standard input is a terminal of its own.
int serve_at_a_terminal(const Service& service, const ServeOptions& options) {
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ours < 0 || ::grantpt(ours) != 0 || ::unlockpt(ours) != 0) return 100;
  const int theirs = ::open(::ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (theirs < 0 || ::dup2(theirs, STDIN_FILENO) != STDIN_FILENO) return 100;
  return serve(service, options);
}

CONFORMANCE("at a terminal, SIGHUP begins the drain") {
  Server server{model, {.run = serve_at_a_terminal}};
  Client client{server.address()};
  EXPECT_EQ(client.echo("before"), "before");
  server.signal(SIGHUP);
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().draining, 1);
}

int serve_without_streams(const Service& service, const ServeOptions& options) {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)::close(stream);
  return serve(service, options);
}

CONFORMANCE("with stdin, stdout and stderr closed everybody gets their bytes and nothing else") {
  Server server{model, {.run = serve_without_streams}};
  for (unsigned round = 0; round < 10; ++round) {
    Client client{server.address()};
    const std::string bytes = bytes_of_size(round * 1000 + 1, round);
    ASSERT_TRUE(same(client.echo(bytes), bytes)) << round;
    client.shutdown_send();
    ASSERT_EQ(client.receive_until_end(), "");
  }
  EXPECT_EQ(server.stop().connections, 10U);
}

CONFORMANCE("with stdin, stdout and stderr closed many are served at once",
            several_at_once("many")) {
  Server server{model, {.run = serve_without_streams}};
  std::deque<Client> clients;
  for (std::size_t left = 20; left != 0; --left)
    clients.emplace_back(server.address()).send(bytes_of_size(left * 1000, left));
  for (std::size_t left = 20; left != 0; --left)
    EXPECT_TRUE(same(clients[20 - left].receive(left * 1000), bytes_of_size(left * 1000, left)));
  clients.clear();
  EXPECT_EQ(server.stop().connections, 20U);
}

}  // namespace
}  // namespace headrace::conformance
