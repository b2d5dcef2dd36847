// SPDX-License-Identifier: MIT
//
// serve() within one process, for each model that needs no child: what it counts, and that it ends.
#include "headrace/serve.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <arpa/inet.h>

#include "engines.hpp"
#include "headrace/services.hpp"

namespace headrace {
namespace {

using namespace testing_support;

/// Knows where the server listens and how it ended.
class Told final : public ServerEvents {
 public:
  void listening(const Address& at, const ModelInfo&, unsigned, int) noexcept override {
    const std::lock_guard lock{mutex_};
    port_ = at.port();
    changed_.notify_all();
  }
  void draining(std::uint64_t) noexcept override { ++drains; }
  void stopped(const Statistics& total) noexcept override { statistics_ = total; }
  void failed(std::string_view, const Failure& failure) noexcept override { failure_ = failure; }

  std::uint16_t wait_for_port() {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [this] { return port_ != 0; })) << "does not listen";
    return port_;
  }
  [[nodiscard]] const Statistics& total() const noexcept {
    return statistics_;
  }  // after it has ended
  std::atomic<int> drains = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint16_t port_ = 0;
  Statistics statistics_{};
  Failure failure_{};
};

class ServeTest : public testing::TestWithParam<Model> {
 protected:
  void start(Service service, std::chrono::nanoseconds drain = 2s,
             Deadline idle = Deadline::never()) {
    server_ = std::thread{[this, service, drain, idle] {
      status = serve(service, {.listen = "tcp://127.0.0.1:0",
                               .model = GetParam(),
                               .idle_timeout = idle,
                               .drain = drain,
                               .handle_signals = false,
                               .stopper = &stopper,
                               .events = &told});
    }};
    port_ = told.wait_for_port();
  }
  Plain connect() const {
    Plain client{::socket(AF_INET, SOCK_STREAM, 0)};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port_);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const timeval limit{kLong / 1s, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return client;
  }
  static std::string talk(int client, std::string_view text) {
    EXPECT_EQ(::send(client, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
    std::string answer(text.size(), '\0');
    const ssize_t got = receive(client, answer.data(), answer.size());
    answer.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return answer;
  }
  /// Who is stopped and goes on is interrupted where a socket has a time limit (signal(7)).
  static ssize_t receive(int client, char* bytes, std::size_t size) {
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = ::recv(client, bytes + have, size - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return got;
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
  }
  const Statistics& stop() {
    stopper.stop();
    return wait_for_end();
  }
  const Statistics& wait_for_end() {
    server_.join();  // `patience` ends a server that does not end
    EXPECT_EQ(status, 0);
    return told.total();
  }

  Patience patience{};
  Told told;
  Stopper stopper;
  std::atomic<int> status = -1;

 private:
  std::thread server_;
  std::uint16_t port_ = 0;
};

TEST_P(ServeTest, EchoesAndStops) {
  start(services::echo);
  for (int client = 0; client < 3; ++client) EXPECT_EQ(talk(connect(), "hello"), "hello");
  const Statistics& total = stop();
  EXPECT_EQ(total.connections, 3U);
  EXPECT_EQ(total.bytes_received, 15U);
  EXPECT_EQ(total.bytes_sent, 15U);
  EXPECT_EQ(total.open, 0U);
  EXPECT_EQ(told.drains, 1);
}

TEST_P(ServeTest, AClientThatWasQuietWhileOthersCameAndWentIsServedToo) {
  start(services::echo, 2s, Deadline::after(10min));
  const std::string much = pattern(30'000);
  {
    const Plain quiet = connect();
    for (int client = 0; client < 3 && GetParam() != Model::iterative; ++client) {
      const Plain other = connect();
      EXPECT_TRUE(talk(other, much) == much);
      ::shutdown(other, SHUT_WR);
      char byte = 0;
      EXPECT_EQ(receive(other, &byte, 1), 0);
    }
    EXPECT_EQ(talk(quiet, "quiet"), "quiet");
  }
  (void)stop();
}

TEST_P(ServeTest, AStopBeforeItBeginsStopsIt) {
  stopper.stop();
  start(services::echo);
  EXPECT_EQ(wait_for_end().connections, 0U);
}

TEST_P(ServeTest, NobodyComingForLongerThanTheIdleTimeoutDoesNotMatter) {
  start(services::echo, 2s, Deadline::after(50ms));
  ::poll(nullptr, 0, 200);
  EXPECT_EQ(talk(connect(), "late"), "late");
  EXPECT_EQ(stop().connections, 1U);
}

TEST_P(ServeTest, AnIdleClientIsTimedOutAndCounted) {
  start(services::echo, 2s, Deadline::after(50ms));
  const Plain client = connect();
  char byte = 0;
  EXPECT_EQ(receive(client, &byte, 1), 0);
  EXPECT_EQ(stop().timed_out, 1U);
}

std::atomic<bool> first_is_over = false;

Task<> be_patient(Stream peer) {
  auto first = co_await peer.receive(Deadline::after(20ms));
  EXPECT_EQ(code_of(first), Errc::timed_out);
  first_is_over = true;
  for (auto bytes = co_await peer.receive(soon()); bytes; bytes = co_await peer.receive(soon()))
    if (!co_await peer.send(*bytes)) co_return;
}

TEST_P(ServeTest, AnEarlierTimeoutIsNotHowAConnectionEnded) {
  first_is_over = false;
  start(be_patient);
  {
    const Plain client = connect();
    while (!first_is_over) ::poll(nullptr, 0, 1);  // `patience` ends it
    EXPECT_EQ(talk(client, "x"), "x");
    ::shutdown(client, SHUT_WR);
    char byte = 0;
    EXPECT_EQ(receive(client, &byte, 1), 0);
  }
  const Statistics& total = stop();
  EXPECT_EQ(total.connections, 1U);
  EXPECT_EQ(total.timed_out, 0U);
}

Task<> sleep_for_ever(Stream peer) {
  if (const auto bytes = co_await peer.receive()) (void)co_await peer.send(*bytes);
  (void)co_await peer.engine().sleep(Deadline::never());
}

TEST_P(ServeTest, WhoSleepsWhenTheDrainIsOverIsCutAndCounted) {
  start(sleep_for_ever, 50ms);
  const Plain client = connect();
  EXPECT_EQ(talk(client, "x"), "x");
  EXPECT_EQ(stop().cut, 1U);
}

Task<> wait_on(Engine& engine, Channel<int>& channel) {
  const auto value = co_await channel.receive(engine);
  EXPECT_EQ(code_of(value), Errc::canceled);
}

Task<> wait_in_two_tasks(Stream peer) {
  Channel<int> silent{1};
  TaskScope scope{peer.engine()};
  if (!scope.spawn(wait_on(peer.engine(), silent)) || !scope.spawn(wait_on(peer.engine(), silent)))
    co_return;
  if (const auto bytes = co_await peer.receive()) (void)co_await peer.send(*bytes);
  co_await scope.join();
}

TEST_P(ServeTest, TasksOfAConnectionAreCutTooWhenTheDrainIsOver) {
  start(wait_in_two_tasks, 50ms);
  const Plain client = connect();
  EXPECT_EQ(talk(client, "x"), "x");
  (void)stop();
  EXPECT_EQ(told.drains, 1);
}

std::vector<Model> models() {
  std::vector<Model> built;
  for (const ModelInfo& row : all_models()) {
    const bool forks = row.launcher == LauncherKind::process_per_connection ||
                       row.launcher == LauncherKind::prefork;
    if (row.built && !forks && can_run(row.model)) built.push_back(row.model);
  }
  return built;
}

INSTANTIATE_TEST_SUITE_P(Models, ServeTest, testing::ValuesIn(models()), [](const auto& test) {
  std::string name{headrace::info(test.param).name};
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(ServiceForOne, RefusesSeveralWorkers) {
  Told told;
  const Service alone = Service{services::echo}.serving(Concurrency::one);
  EXPECT_EQ(serve(alone, {.listen = "tcp://127.0.0.1:0", .workers = 2, .events = &told}), 2);
}

}  // namespace
}  // namespace headrace
