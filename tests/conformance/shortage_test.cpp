// SPDX-License-Identifier: MIT
//
// A server that lacks something for the next client: a descriptor, a thread, a process. Who is
// there goes on; who waits is served once there is room; who cannot be served is told so and
// counted. Not here: one call that fails once (tests/faults).
#include <chrono>
#include <csignal>
#include <deque>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr rlim_t kFewDescriptors = 40;

int serve_with_few_descriptors(const Service& service, const ServeOptions& options) {
  const rlimit few{kFewDescriptors, kFewDescriptors};
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 100;
  return serve(service, options);
}

Models one_table_of_descriptors() {
  return {[](const ModelInfo& model) {
            return model.launcher == LauncherKind::event_loop ||
                   model.launcher == LauncherKind::thread_per_connection ||
                   model.launcher == LauncherKind::thread_pool;
          },
          "elsewhere no process has more than one client"};
}

/// More clients than descriptors, each of which has said something.
void crowd_in(const Server& server, std::deque<Client>& clients) {
  for (rlim_t left = 2 * kFewDescriptors; left != 0; --left)
    clients.emplace_back(server.address()).send("here");
  wait_until("it is out of descriptors", [&] { return server.report().paused > 0; });
}

CONFORMANCE("out of descriptors, all are served in turn as the others leave",
            one_table_of_descriptors()) {
  Server server{model, {.run = serve_with_few_descriptors, .clients = 100}};
  std::deque<Client> clients;
  crowd_in(server, clients);
  while (!clients.empty()) {
    ASSERT_EQ(clients.front().receive(4), "here") << clients.size() << " left";
    clients.pop_front();
  }
  Client late{server.address()};
  EXPECT_EQ(late.echo("and as before"), "and as before");
  late.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 2 * kFewDescriptors + 1);
  EXPECT_LT(total.most_at_once, kFewDescriptors);
  EXPECT_EQ(total.refused, 0U);
  EXPECT_EQ(server.report().failed, 0);
}

struct Stirring {
  double sleeps_a_second;
  Clock::duration work;
};

/// What the server does in one second in which no client says anything.
Stirring stirring(const Server& server, Client& silent) {
  const auto began = Clock::now();
  const std::size_t sleeps = server.sleeps();
  const auto worked = server.processor_time();
  EXPECT_TRUE(silent.hears_nothing_for(1000));
  const std::size_t slept = server.sleeps() - sleeps;
  const std::chrono::duration<double> seconds = Clock::now() - began;
  return {static_cast<double>(slept) / seconds.count(), server.processor_time() - worked};
}

CONFORMANCE("out of descriptors, the server hardly stirs and says so once a second",
            one_table_of_descriptors()) {
  constexpr double kCallsASecond = 50;
  Server server{model, {.run = serve_with_few_descriptors, .clients = 100}};
  const auto began = Clock::now();
  std::deque<Client> clients;
  crowd_in(server, clients);
  // On a busy machine the first seconds may still go to those clients that are served.
  Stirring seen = stirring(server, clients.back());
  const bool spins_anyway = model.engine == EngineKind::polling;
  for (int more = 10; !spins_anyway && more != 0 && seen.sleeps_a_second > kCallsASecond; --more)
    seen = stirring(server, clients.back());
  const auto said = static_cast<double>(server.report().paused);
  const std::chrono::duration<double> seconds = Clock::now() - began;
  EXPECT_LE(said, seconds.count() + 1);
  if (!spins_anyway) {
    EXPECT_LE(seen.sleeps_a_second, kCallsASecond);
    EXPECT_LT(seen.work, 200ms) << "it turns round and round";
  }
  clients.clear();
}

CONFORMANCE("out of descriptors, the server stops when it is told to", one_table_of_descriptors()) {
  Server server{model, {.run = serve_with_few_descriptors, .clients = 100}};
  std::deque<Client> clients;
  crowd_in(server, clients);
  server.signal(SIGTERM);
  for (Client& client : clients) {
    client.receive_to_any_end();
    client.close();
  }
  EXPECT_EQ(server.wait_for_exit(), 0);
  EXPECT_EQ(server.report().total.cut, 0U);
}

Models select_only() {
  return {[](const ModelInfo& model) { return model.engine == EngineKind::select; },
          "only select has this limit"};
}

CONFORMANCE("beyond FD_SETSIZE a client is refused and counted, and the others are served",
            select_only()) {
  constexpr std::size_t kTooMany = 1100;
  Server server{model};
  EXPECT_EQ(Client{server.address()}.echo("x"), "x");
  wait_until("it has left", [&] { return server.report().departures() == 1; });
  const std::size_t without = server.descriptors();
  std::deque<Client> clients;
  for (std::size_t left = kTooMany; left != 0; --left)
    clients.emplace_back(server.address()).send("x");
  const auto refused = [&server]() -> std::int64_t {
    return server.report().refused[static_cast<std::size_t>(Refusal::descriptor_limit)];
  };
  wait_until("all have come",
             [&] { return server.report().arrived + refused() > std::int64_t{kTooMany}; });
  clients.back().receive_to_any_end();  // its descriptor is closed; that it was refused, told soon
  const auto open = [&] { return static_cast<std::int64_t>(server.descriptors() - without); };
  wait_until("all are in or out", [&] { return open() + refused() == std::int64_t{kTooMany}; });
  const auto served = static_cast<std::size_t>(open());
  EXPECT_GT(served, 900U);
  EXPECT_LT(served, 1024U);
  for (std::size_t index = 0; index < served; ++index) ASSERT_EQ(clients[index].receive(1), "x");
  for (std::size_t index = served; index + 1 < kTooMany; ++index)
    clients[index].receive_to_any_end();
  clients.pop_front();
  wait_until("one has left", [&] { return server.report().departures() == 2; });
  Client late{server.address()};
  EXPECT_EQ(late.echo("room for me?"), "room for me?");
  late.close();
  clients.clear();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, served + 2);
  EXPECT_EQ(total.refused, kTooMany - served);
  EXPECT_EQ(server.report().failed, 0);
}

rlim_t tasks_allowed = 0;

void allow_tasks(rlim_t count) {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_cur = count;
  (void)::setrlimit(RLIMIT_NPROC, &limit);
}

/// Somebody whom limits of processes and threads hold, as they do not hold root. At SIGUSR1 there
/// may be no more of them, at SIGUSR2 as many as before: only the process itself may always set its
/// limits.
int serve_as_a_user(const Service& service, const ServeOptions& options) {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) return 100;
  (void)::prctl(PR_SET_DUMPABLE, 1);         // for /proc and sanitizers
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten with the change of user
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NPROC, &limit);
  tasks_allowed = limit.rlim_cur;
  struct sigaction action{};
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int signal) { allow_tasks(signal == SIGUSR1 ? 0 : tasks_allowed); };
  (void)::sigaction(SIGUSR1, &action, nullptr);
  (void)::sigaction(SIGUSR2, &action, nullptr);
  return serve(service, options);
}

/// Whether the server may make no task any more, as /proc says.
bool may_make_no_task(const Server& server) {
  std::ifstream limits{"/proc/" + std::to_string(server.pid()) + "/limits"};
  for (std::string line; std::getline(limits, line);) {
    std::istringstream words{line};
    std::string max, processes, soft;
    words >> max >> processes >> soft;
    if (processes == "processes") return soft == "0";
  }
  throw std::runtime_error{"/proc does not tell the limits"};
}

Models one_made_for_each_client() {
  return {[](const ModelInfo& model) {
            return model.launcher == LauncherKind::thread_per_connection ||
                   model.launcher == LauncherKind::process_per_connection;
          },
          "the others make theirs beforehand"};
}

CONFORMANCE("whom no thread or process can be made for is refused; the others are served",
            one_made_for_each_client()) {
  Server server{model, {.run = serve_as_a_user}};
  Client first{server.address()};
  EXPECT_EQ(first.echo("I have mine"), "I have mine");
  server.signal(SIGUSR1);
  wait_until("the limit is set", [&] { return may_make_no_task(server); });
  for (int left = 20; left != 0; --left) Client{server.address()}.receive_to_any_end();
  EXPECT_EQ(server.report().refused[static_cast<std::size_t>(Refusal::out_of_resources)], 20);
  EXPECT_EQ(first.echo("still mine"), "still mine");
  server.signal(SIGUSR2);
  wait_until("the limit is gone", [&] { return !may_make_no_task(server); });
  Client next{server.address()};
  EXPECT_EQ(next.echo("and one for me"), "and one for me");
  first.close();
  next.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.connections, 2U);
  EXPECT_EQ(total.refused, 20U);
  EXPECT_EQ(server.report().failed, 0);
}

}  // namespace
}  // namespace headrace::conformance
