// SPDX-License-Identifier: MIT
//
// A server that takes commands while it runs: what it counts and lists, whom it closes, and that
// the end of the commands is its own.
#include <array>
#include <charconv>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/task_scope.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

int commands[2] = {-1, -1};  // made before the server is, which inherits them
int answers[2] = {-1, -1};

/// One command a write: "list", "open", "stop" or "kick ID". Answers end with a newline.
class PipedCommands final : public ControlSource {
 public:
  [[nodiscard]] int descriptor() const noexcept override { return commands[0]; }

  bool readable(Control& control) noexcept override {
    std::array<char, 64> bytes{};
    const ssize_t size = ::read(commands[0], bytes.data(), bytes.size());
    if (size <= 0) {
      control.stop();
      return false;
    }
    const std::string_view command{bytes.data(), static_cast<std::size_t>(size)};
    std::string answer;
    if (command == "list")
      control.list(append, &answer);
    else if (command == "open")
      answer = std::to_string(control.statistics().open);
    else if (command == "stop")
      control.stop();
    else
      answer = control.kick(id_in(command)) ? "yes" : "no";
    answer += '\n';
    EXPECT_EQ(::write(answers[1], answer.data(), answer.size()), ssize_t(answer.size()));
    return true;
  }

 private:
  static std::uint64_t id_in(std::string_view command) {
    std::uint64_t id = 0;
    command.remove_prefix(command.find(' ') + 1);
    (void)std::from_chars(command.begin(), command.end(), id);
    return id;
  }
  static void append(void* to, const ConnectionView& connection) {
    EXPECT_GE(connection.age.count(), 0);
    *static_cast<std::string*>(to) += '#' + std::to_string(connection.id) + ' ' +
                                      std::string{AddressText{connection.peer}} + ' ' +
                                      std::to_string(connection.bytes_received) + ';';
  }
};

int serve_with_commands(const Service& service, const ServeOptions& given) {
  PipedCommands source;
  ServeOptions options = given;
  options.control = &source;
  return serve(service, options);
}

class Operated {
 public:
  explicit Operated(const ModelInfo& model, const Setup& setup = {}) {
    server_.emplace(model, operated(setup));
    close_the_servers_ends();
  }
  Operated(const ModelInfo& model, Task<> (*service)(Report& report, Stream peer)) {
    server_.emplace(model, service, operated({}));
    close_the_servers_ends();
  }
  Operated(const Operated&) = delete;
  Operated& operator=(const Operated&) = delete;
  ~Operated() {
    server_.reset();  // before the commands end, which would stop it too
    end_commands();
    ::close(std::exchange(answers[0], -1));
  }

  Server* operator->() { return &*server_; }

  [[nodiscard]] static std::string ask(const std::string& command) {
    EXPECT_EQ(::write(commands[1], command.data(), command.size()), ssize_t(command.size()));
    std::string answer;
    while (!answer.ends_with('\n')) {
      pollfd entry{answers[0], POLLIN, 0};
      if (::poll(&entry, 1, static_cast<int>(patience() / std::chrono::milliseconds{1})) != 1)
        throw std::runtime_error{"no answer to: " + command};
      std::array<char, 512> bytes{};
      const ssize_t size = ::read(answers[0], bytes.data(), bytes.size());
      if (size <= 0) throw std::runtime_error{"the server has gone at: " + command};
      answer.append(bytes.data(), static_cast<std::size_t>(size));
    }
    answer.pop_back();
    return answer;
  }
  static void end_commands() {
    if (commands[1] >= 0) ::close(std::exchange(commands[1], -1));
  }

 private:
  static Setup operated(Setup setup) {
    if (::pipe2(commands, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0)
      throw std::runtime_error{"pipe2"};
    setup.run = serve_with_commands;
    setup.keeps = {commands[0], answers[1]};
    return setup;
  }
  static void close_the_servers_ends() {
    ::close(std::exchange(commands[0], -1));
    ::close(std::exchange(answers[1], -1));
  }

  std::optional<Server> server_;
};

unsigned port_of(const Client& client) {
  sockaddr_in at{};
  socklen_t length = sizeof at;
  EXPECT_EQ(::getsockname(client.descriptor(), reinterpret_cast<sockaddr*>(&at), &length), 0);
  return ntohs(at.sin_port);
}

CONFORMANCE("commands are heard while a client is served, and list it with its traffic") {
  Operated server{model};
  EXPECT_EQ(Operated::ask("list"), "");
  Client client{server->address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  EXPECT_EQ(Operated::ask("open"), "1");
  EXPECT_EQ(Operated::ask("list"), "#1 tcp://127.0.0.1:" + std::to_string(port_of(client)) + " 5;");
  EXPECT_EQ(client.echo("on we go"), "on we go");
  client.close();
  wait_until("it has left", [&] { return server->report().departures() == 1; });
  EXPECT_EQ(Operated::ask("list"), "");
}

CONFORMANCE("who is kicked is closed and counted, and the others stay",
            several_at_once("there are no others")) {
  Operated server{model};
  std::deque<Client> clients;
  for (int left = 5; left != 0; --left)
    EXPECT_EQ(clients.emplace_back(server->address()).echo("hello"), "hello");
  EXPECT_EQ(Operated::ask("kick 3"), "yes");
  EXPECT_EQ(clients[2].receive_until_end(), "");
  clients[2].close();
  wait_until("it has left", [&] { return server->report().departures() == 1; });
  EXPECT_EQ(Operated::ask("kick 3"), "no") << "it is gone";
  EXPECT_EQ(Operated::ask("kick 77"), "no") << "never was";
  EXPECT_EQ(Operated::ask("open"), "4");
  for (const std::size_t index : {0U, 1U, 3U, 4U}) EXPECT_EQ(clients[index].echo("still"), "still");
  clients.clear();
  const Statistics total = server->stop();
  EXPECT_EQ(total.kicked, 1U);
  EXPECT_EQ(total.connections, 5U);
  EXPECT_EQ(server->report().departed[static_cast<std::size_t>(Departure::kicked)], 1);
}

CONFORMANCE("a client that does not read can be kicked, and the next is served") {
  Operated server{model};
  {
    Client stuck{server->address()};
    (void)stuck.send_until_stuck(bytes_of_size(64_MiB));
    wait_until("it has come", [&] { return server->report().arrived == 1; });
    EXPECT_EQ(Operated::ask("kick 1"), "yes");
    wait_until("it has left", [&] { return server->report().departures() == 1; });
  }
  Client next{server->address()};
  EXPECT_EQ(next.echo("my turn"), "my turn");
  next.close();
  EXPECT_EQ(server->stop().kicked, 1U);
}

CONFORMANCE("with several workers each closes those of its own",
            event_loops("the others have one engine a client")) {
  Operated server{model, {.options = {.workers = 2}}};
  std::deque<Client> clients;
  for (int left = 20; left != 0; --left)
    EXPECT_EQ(clients.emplace_back(server->address()).echo("hello"), "hello");
  for (int id = 1; id <= 20; ++id) EXPECT_EQ(Operated::ask("kick " + std::to_string(id)), "yes");
  for (Client& client : clients) EXPECT_EQ(client.receive_until_end(), "");
  clients.clear();
  EXPECT_EQ(server->stop().kicked, 20U);
}

/// Is not in an operation on its stream when it is kicked.
Task<> sleep_then_listen(Report& report, Stream peer) {
  const auto first = co_await peer.receive();
  EXPECT_TRUE(first.has_value());
  ++report.facts[0];
  (void)co_await peer.engine().sleep(Deadline::after(std::chrono::milliseconds{300}));
  for (;;) {
    const auto bytes = co_await peer.receive();
    if (!bytes) co_return;
  }
}

CONFORMANCE("who is kicked while his service waits for something else is closed all the same") {
  Operated server{model, sleep_then_listen};
  Client client{server->address()};
  client.send("hello");
  wait_until("the service sleeps", [&] { return server->report().facts[0] == 1; });
  EXPECT_EQ(Operated::ask("kick 1"), "yes");
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  wait_until("it has left", [&] { return server->report().departures() == 1; });
  EXPECT_EQ(server->stop().kicked, 1U);
}

Task<> listen_for_ever(Stream& peer) {
  for (;;) {
    const auto bytes = co_await peer.receive();
    if (!bytes) co_return;
  }
}

Task<> listen_in_a_task_of_its_own(Stream peer) {
  TaskScope scope{peer.engine()};
  const auto listening = scope.spawn(listen_for_ever(peer));
  EXPECT_TRUE(listening);
  co_await scope.join();
}

CONFORMANCE("who is kicked is closed also where another task of his service listens to him") {
  Operated server{model, {.service = listen_in_a_task_of_its_own}};
  Client client{server->address()};
  client.send("hello");
  client.wait_until_delivered();
  wait_until("it is served", [&] { return server->report().arrived == 1; });
  EXPECT_EQ(Operated::ask("kick 1"), "yes");
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server->stop().kicked, 1U);
}

constexpr std::size_t kReply = 8'000'000;  // more than the kernel takes for who does not read

Task<> reply_at_length(Stream peer) {
  const std::string reply = bytes_of_size(kReply);
  if (!co_await peer.receive() || !co_await peer.send(bytes_of(reply))) co_return;
  while (co_await peer.receive()) {
  }
}

CONFORMANCE("a stop and then the end of the commands is one stop, and cuts nothing") {
  Operated server{model, {.service = reply_at_length}};
  Client client{server->address(), {.kernel_buffers = 16384}};
  client.send("?");
  std::string reply = client.receive(1);
  EXPECT_EQ(Operated::ask("stop"), "");
  Operated::end_commands();
  wait_until("the server drains", [&] { return server->report().draining == 1; });
  reply += client.receive_until_end();
  EXPECT_TRUE(same(reply, bytes_of_size(kReply)));
  client.close();
  EXPECT_EQ(server->wait_for_exit(), 0);
  EXPECT_EQ(server->report().total.cut, 0U);
}

CONFORMANCE("the end of the commands stops the server, which drains") {
  Operated server{model};
  Client client{server->address()};
  EXPECT_EQ(client.echo("hello"), "hello");
  Operated::end_commands();
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server->wait_for_exit(), 0);
  EXPECT_EQ(server->report().total.cut, 0U);
  EXPECT_EQ(server->report().draining, 1);
}

}  // namespace
}  // namespace headrace::conformance
