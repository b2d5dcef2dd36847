// SPDX-License-Identifier: MIT
//
// Models that fork, when that fails. The server has a process of its own with one thread, as models
// that fork need it; its clients, here, make plain calls.
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <string>

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "faulty_calls.hpp"
#include "headrace/serve.hpp"
#include "headrace/services.hpp"

namespace headrace::faults {
namespace {

constexpr timeval kPatience{20, 0};

/// What the server tells, in memory that both see.
struct Report {
  std::atomic<std::uint16_t> port = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> failures = 0;
  std::atomic<int> shortages = 0;
  Statistics total{};
};

class Told final : public ServerEvents {
 public:
  explicit Told(Report& report) noexcept : report_{report} {}
  void listening(const Address& at, const ModelInfo&, unsigned, int) noexcept override {
    report_.port = at.port();
  }
  void refused(const Address&, Refusal why) noexcept override {
    if (why == Refusal::out_of_resources) ++report_.refused;
  }
  void accept_paused(const Failure&) noexcept override { ++report_.shortages; }
  void failed(std::string_view, const Failure&) noexcept override { ++report_.failures; }
  void stopped(const Statistics& total) noexcept override { report_.total = total; }

 private:
  Report& report_;
};

class ForkFaults : public testing::Test {
 public:
  ~ForkFaults() override {
    if (server_ > 0) {
      (void)::kill(server_, SIGKILL);
      (void)::waitpid(server_, nullptr, 0);
    }
    (void)::munmap(&report, sizeof(Report));
  }

 protected:
  ForkFaults()
      : report{*new(::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Report} {}
  void start(Model model, const Plan& plan, Workers workers = Workers::by_model()) {
    server_ = ::fork();
    if (server_ == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      (void)::alarm(60);
      Told told{report};
      begin(plan);
      ::_exit(serve(
          services::echo,
          {.listen = "tcp://127.0.0.1:0", .model = model, .workers = workers, .events = &told}));
    }
    while (report.port == 0 && !has_ended()) (void)::usleep(1000);
  }

  /// What one client gets back for "hello".
  [[nodiscard]] std::string ask() const {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0) return "no socket";
    (void)::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(report.port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::array<char, 5> answer{};
    ssize_t got = -1;
    if (::connect(client, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
        ::send(client, "hello", answer.size(), MSG_NOSIGNAL) == ssize_t{answer.size()})
      do got = ::recv(client, answer.data(), answer.size(), MSG_WAITALL);
      while (got < 0 && errno == EINTR);  // stopped and continued: signal(7)
    EXPECT_TRUE(got >= 0 || errno != EAGAIN) << "left hanging";
    (void)::close(client);
    return {answer.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
  }

  void wait_until_childless() const {
    const std::string id = std::to_string(server_);
    for (int left = 20'000; left > 0; --left) {
      std::ifstream children{"/proc/" + id + "/task/" + id + "/children"};
      std::string child;
      if (!(children >> child)) return;
      (void)::usleep(1000);  // between two looks
    }
    ADD_FAILURE() << "a child is left";
  }

  int stop() {
    (void)::kill(server_, SIGTERM);
    return wait_for_end();
  }
  int wait_for_end() {
    int status = 0;
    EXPECT_EQ(::waitpid(server_, &status, 0), server_);
    server_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  Report& report;

 private:
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(server_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == server_;
  }

  pid_t server_ = -1;
};

TEST_F(ForkFaults, AClientForWhomThereIsNoProcessIsRefusedAndTheNextServed) {
  for (const int error : {EAGAIN, ENOMEM}) {
    report.port = 0;
    report.refused = 0;
    start(Model::process, {.call = Call::fork, .nth = 2, .error = error});
    EXPECT_EQ(ask(), "hello");
    EXPECT_EQ(ask(), "");
    EXPECT_EQ(ask(), "hello");
    EXPECT_EQ(stop(), 0);
    EXPECT_EQ(report.refused, 1);
    EXPECT_EQ(report.total.refused, 1U);
    EXPECT_EQ(report.total.connections, 2U);
    EXPECT_EQ(report.total.open, 0U);
    EXPECT_EQ(report.failures, 0);
  }
}

TEST_F(ForkFaults, AChildWhoseEndCannotBeWatchedIsWaitedForAllTheSame) {
  for (const Call call : {Call::pidfd_open, Call::epoll_ctl}) {
    report.port = 0;
    start(Model::process, {.call = call, .nth = 1, .error = ENOMEM});
    EXPECT_EQ(ask(), "hello");
    wait_until_childless();  // while nobody comes
    EXPECT_EQ(ask(), "hello");
    EXPECT_EQ(stop(), 0);
    EXPECT_EQ(report.total.connections, 2U);
    EXPECT_EQ(report.total.open, 0U);
    EXPECT_EQ(report.total.killed, 0U);
  }
}

TEST_F(ForkFaults, PreforkGoesOnWithTheChildrenItHasAndMakesTheOthersLater) {
  start(Model::prefork, {.call = Call::fork, .nth = 2, .error = EAGAIN}, 3);
  EXPECT_EQ(ask(), "hello");
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(report.shortages, 1);
  EXPECT_EQ(report.failures, 0);
}

TEST_F(ForkFaults, PreforkWithoutAnyChildFails) {
  start(Model::prefork, {.call = Call::fork, .nth = 1, .error = EAGAIN}, 3);
  EXPECT_EQ(wait_for_end(), 1);
  EXPECT_EQ(report.port, 0);
  EXPECT_EQ(report.failures, 1);
}

TEST_F(ForkFaults, AServerThatCannotMakeItsListOfChildrenFails) {
  for (const Model model : {Model::process, Model::prefork}) {
    report.failures = 0;
    start(model, {.call = Call::epoll_create1, .nth = 1, .error = EMFILE});
    EXPECT_EQ(wait_for_end(), 1);
    EXPECT_EQ(report.failures, 1);
  }
}

}  // namespace
}  // namespace headrace::faults
