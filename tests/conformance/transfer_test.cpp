// SPDX-License-Identifier: MIT
//
// Every byte arrives, in order and unchanged: whatever its size, its value, how it is cut and what
// interrupts it.
#include <algorithm>
#include <csignal>
#include <deque>
#include <filesystem>
#include <random>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

constexpr unsigned kSeed = 20240229;

CONFORMANCE("every size from 1 to 2048 comes back, one after the other") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(2048);
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const auto message = std::string_view{bytes}.substr(0, size);
    ASSERT_TRUE(same(client.echo(message), message)) << "size " << size;
  }
}

CONFORMANCE("every size from 1 to 2048 comes back, all of them in flight") {
  Server server{model};
  Client client{server.address()};
  std::string all;
  for (std::size_t size = 1; size <= 2048; ++size) all += bytes_of_size(size, size);
  EXPECT_TRUE(same(client.echo(all), all));
}

CONFORMANCE("each power of two to 1 MiB and its neighbours come back") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(1_MiB + 1);
  for (std::size_t power = 2; power <= 1_MiB; power *= 2)
    for (const std::size_t size : {power - 1, power, power + 1}) {
      const auto message = std::string_view{bytes}.substr(0, size);
      ASSERT_TRUE(same(client.echo(message), message)) << "size " << size;
    }
}

CONFORMANCE("messages of random sizes come back") {
  Server server{model};
  Client client{server.address()};
  std::mt19937 random{kSeed};
  std::uniform_int_distribution<std::size_t> sizes{1, 200'000};
  for (unsigned left = amount(100, 5000); left != 0; --left) {
    const std::string message = bytes_of_size(sizes(random), left);
    ASSERT_TRUE(same(client.echo(message), message)) << left << " to go";
  }
}

CONFORMANCE("bytes of every value come back, and nothing but NULs too") {
  Server server{model};
  Client client{server.address()};
  std::string values;
  for (int value = 0; value < 256; ++value) values += static_cast<char>(value);
  for (const std::string& message :
       {values, std::string(100'000, '\0'), std::string(100'000, '\xff')})
    EXPECT_TRUE(same(client.echo(message), message));
}

CONFORMANCE("bytes sent one at a time come back") {
  Server server{model};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(amount(2000, 100'000));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    client.send(std::string_view{bytes}.substr(at, 1));
  EXPECT_TRUE(same(client.receive(bytes.size()), bytes));
  for (std::size_t at = 0; at < 300; ++at) {  // and when each is waited for
    const auto byte = std::string_view{bytes}.substr(at, 1);
    ASSERT_EQ(client.echo(byte), byte);
  }
}

CONFORMANCE("a client with kernel buffers of 4 KiB gets everything") {
  Server server{model};
  Client client{server.address(), {.kernel_buffers = 4096}};
  const std::string bytes = bytes_of_size(amount(6, 64) * 1_MiB);
  EXPECT_TRUE(same(client.echo(bytes), bytes));
}

CONFORMANCE(
    "a peer that sends 64 MiB and does not read costs less than 1 MiB, and then gets every byte") {
  Server server{model};
  Client client{server.address()};
  EXPECT_EQ(client.echo("warm"), "warm");
  [[maybe_unused]] const std::size_t before = server.private_memory();
  const std::string bytes = bytes_of_size(64_MiB);
  const std::size_t sent = client.send_until_stuck(bytes);
  ASSERT_LT(sent, bytes.size()) << "the server should have stopped reading";
  [[maybe_unused]] const std::size_t stuck = server.private_memory();
  // Each step frees room for as much as it has taken.
  std::string back;
  for (std::size_t gone = sent; gone < bytes.size();) {
    back += client.receive_some();
    gone += client.send_some(std::string_view{bytes}.substr(gone, 1_MiB));
  }
  back += client.receive(bytes.size() - back.size());
  EXPECT_TRUE(same(back, bytes));
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
  EXPECT_LT(stuck, before + 1_MiB);
  EXPECT_LT(server.private_memory(), before + 1_MiB);
#endif
#endif
}

/// `count` clients with a message of their own each, of 1 byte to 20,000, all sent before anything
/// is read.
void serve_at_once(const Server& server, unsigned count) {
  std::deque<Client> clients;
  const auto message_of = [](std::size_t index) {
    return bytes_of_size(index * 7919 % 20'000 + 1, index);
  };
  for (std::size_t index = 0; index < count; ++index)
    clients.emplace_back(server.address()).send(message_of(index));
  for (std::size_t index = 0; index < count; ++index) {
    const std::string message = message_of(index);
    ASSERT_TRUE(same(clients[index].receive(message.size()), message)) << "client " << index;
  }
  for (Client& client : clients) client.shutdown_send();
  for (Client& client : clients) EXPECT_EQ(client.receive_until_end(), "");
}

CONFORMANCE("hundreds of clients at once each get their own bytes", several_at_once("at once")) {
  const unsigned crowd = clients_at_once(model, 1000);
  Server server{model, {.clients = crowd}};
  serve_at_once(server, crowd);
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, crowd);
  EXPECT_EQ(total.most_at_once, crowd);
}

CONFORMANCE("1000 clients one after another each get their own bytes") {
  Server server{model};
  for (std::size_t index = 0; index < 1000; ++index) {
    Client client{server.address()};
    const std::string message = bytes_of_size(index * 31 % 4000 + 1, index);
    ASSERT_TRUE(same(client.echo(message), message)) << "client " << index;
    client.shutdown_send();
    ASSERT_EQ(client.receive_until_end(), "");
  }
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 1000U);
  EXPECT_EQ(total.most_at_once, 1U);
}

CONFORMANCE(
    "whoever waits while another is served is served then, with all it has sent meanwhile") {
  Server server{model};
  Client first{server.address()};
  EXPECT_EQ(first.echo("mine"), "mine");
  Client second{server.address()};
  const std::string bytes = bytes_of_size(30'000);
  second.send(bytes);
  second.wait_until_delivered();
  first.close();
  EXPECT_TRUE(same(second.receive(bytes.size()), bytes));
}

// A receive stops short at the urgent mark: under edge-triggered epoll a short read taken for
// "empty" loses the rest.
CONFORMANCE("data behind an urgent byte arrives") {
  Server server{model};
  for (unsigned round = 200; round != 0; --round) {
    Client client{server.address()};
    client.send("before the mark, ");
    client.send_urgent('!');  // out of band: not part of the stream that is read
    client.send("and behind it");
    client.shutdown_send();
    ASSERT_EQ(client.receive_until_end(), "before the mark, and behind it");
  }
}

/// Everything happens while the server cannot look: it is told of it all at once.
void arrives_at_once(const ModelInfo& model, unsigned count, void (*act)(Client& client),
                     std::string_view wanted) {
  Server server{model, {.clients = count}};
  std::deque<Client> clients;
  for (unsigned index = 0; index < count; ++index) clients.emplace_back(server.address());
  if (model.launcher != LauncherKind::iterative) {  // the receives are waiting
    for (Client& client : clients) ASSERT_EQ(client.echo("hello"), "hello");
  }
  server.freeze();
  for (Client& client : clients) act(client);
  for (Client& client : clients) client.wait_until_delivered();
  server.thaw();
  for (Client& client : clients) ASSERT_EQ(client.receive_until_end(), wanted);
}

CONFORMANCE("data and FIN that arrive together are both noticed") {
  const auto act = [](Client& client) {
    client.send("last words");
    client.shutdown_send();
  };
  arrives_at_once(model, 200, act, "last words");
}

CONFORMANCE("data before and behind an urgent byte that arrive together with FIN are all noticed") {
  const auto act = [](Client& client) {
    client.send("one ");
    client.send_urgent('!');
    client.send("two");
    client.shutdown_send();
  };
  arrives_at_once(model, 200, act, "one two");
}

CONFORMANCE("IPv6 clients are served") {
  Server server{model, {.listen = {"tcp://[::1]:0"}}};
  Client client{server.address()};
  const std::string bytes = bytes_of_size(100'000);
  EXPECT_TRUE(same(client.echo(bytes), bytes));
}

CONFORMANCE("a TCP and a Unix address are served at once, and the path is gone at the end") {
  const std::string path = "/tmp/headrace-conformance-" + std::to_string(::getpid());
  const std::string listen = "unix:" + path;
  Server server{model, {.listen = {"tcp://127.0.0.1:0", listen}}};
  const std::string bytes = bytes_of_size(300'000);
  for (const std::size_t door : {std::size_t{0}, std::size_t{1}, std::size_t{0}, std::size_t{1}}) {
    Client client{server.address(door)};
    EXPECT_TRUE(same(client.echo(bytes), bytes));
    client.shutdown_send();
    EXPECT_EQ(client.receive_until_end(), "");
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  (void)server.stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

int serve_with_a_handler(const Service& service, const ServeOptions& options) {
  struct sigaction action{};
  action.sa_handler = [](int) {};  // no SA_RESTART: what the program around the library may have
  (void)::sigaction(SIGUSR1, &action, nullptr);
  return serve(service, options);
}

CONFORMANCE("nothing is lost when signals interrupt the server") {
  Server server{model, {.run = serve_with_a_handler}};
  Client client{server.address(), {.kernel_buffers = 8192}};
  const std::string bytes = bytes_of_size(amount(1, 64) * 1_MiB);
  std::string back;
  for (std::size_t sent = 0; back.size() < bytes.size();) {
    for (const int signal : {SIGUSR1, SIGWINCH, SIGUSR1}) {
      server.signal(signal);
      for (const pid_t child : server.children()) (void)::kill(child, signal);
    }
    sent += client.send_some(std::string_view{bytes}.substr(sent, 16_KiB));
    back += client.receive_some();
  }
  EXPECT_TRUE(same(back, bytes));
  client.close();
  EXPECT_EQ(server.stop().reset, 0U);
}

CONFORMANCE("nothing is lost when the server is stopped in its tracks and continued") {
  Server server{model};
  Client client{server.address()};
  for (unsigned round = amount(50, 1000); round != 0; --round) {
    const std::string bytes = bytes_of_size(round * 997, round);
    server.freeze();
    const std::size_t sent = client.send_some(bytes);
    server.thaw();
    client.send(std::string_view{bytes}.substr(sent));
    ASSERT_TRUE(same(client.receive(bytes.size()), bytes)) << round << " to go";
  }
  client.close();
  EXPECT_EQ(server.stop().reset, 0U);
}

}  // namespace
}  // namespace headrace::conformance
