// SPDX-License-Identifier: MIT
//
// The child makes plain system calls for its clients, so that no fault meets them.
#include "scenario.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "headrace/services.hpp"

namespace headrace::faults {

namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlowness = 4;
#else
constexpr int kSlowness = 1;
#endif
constexpr int kClientSeconds = 2 * kSlowness;  // a client waits no longer than this for a byte
constexpr auto kChildTime = 6s * kSlowness;    // and the whole run takes no longer than this

/// What the child tells its parent, in memory that both see.
struct Report {
  std::array<char, 512> wrong{};
  std::array<std::uint32_t, kCalls> counts{};
  bool struck = false;
  bool complete = false;
};

void complain(Report& report, const std::string& what) {
  if (report.wrong[0] == '\0')
    std::snprintf(report.wrong.data(), report.wrong.size(), "%s", what.c_str());
}

class Told final : public ServerEvents {
 public:
  void listening(const Address& at, const ModelInfo&, unsigned, int) noexcept override {
    const std::lock_guard lock{mutex_};
    if (!at.is_unix()) port = at.port();
    listens_ = true;
    changed_.notify_all();
  }
  void failed(std::string_view, const Failure& failure) noexcept override {
    if (failure.code == Errc{} && failure.error == 0) unspoken = true;
    ++failures;
  }
  void ended() {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    changed_.notify_all();
  }
  /// Whether it listens; false when serve() has returned without.
  bool wait_until_it_listens() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return listens_ || ended_; });
    return listens_;
  }
  bool wait_for_end(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [this] { return ended_; });
  }

  std::uint16_t port = 0;
  std::atomic<int> failures = 0;
  std::atomic<bool> unspoken = false;  // a failure that says nothing

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool listens_ = false;
  bool ended_ = false;
};

enum class Served { whole, cut, wrong, hung };

std::string bytes_of_client(int client) {
  std::string bytes(30'000, '\0');
  for (std::size_t index = 0; index < bytes.size(); ++index)
    bytes[index] =
        static_cast<char>(index * 31 + index / 251 + static_cast<std::size_t>(client) * 101);
  return bytes;
}

int connect_client(std::uint16_t port, const std::string& path) {
  const int client = ::socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{kClientSeconds, 0};
  ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  ip.sin_port = htons(port);
  ip.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.c_str(), path.size());
  const int answer = path.empty()
                         ? ::connect(client, reinterpret_cast<sockaddr*>(&ip), sizeof ip)
                         : ::connect(client, reinterpret_cast<sockaddr*>(&local), sizeof local);
  if (answer == 0) return client;
  ::close(client);
  return -1;
}

/// Sends in three messages, reads each back, says FIN and waits for the server's.
Served talk(int client, const std::string& bytes) {
  const std::array<std::size_t, 4> parts{0, 1, 1000, bytes.size()};
  std::string got(bytes.size() + 1, '\0');
  for (std::size_t part = 0; part + 1 < parts.size(); ++part) {
    const std::size_t size = parts[part + 1] - parts[part];
    if (::send(client, &bytes[parts[part]], size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
      return Served::cut;
    for (std::size_t at = parts[part]; at < parts[part + 1];) {
      const ssize_t count = ::recv(client, &got[at], parts[part + 1] - at, 0);
      if (count < 0 && errno == EAGAIN) return Served::hung;
      if (count <= 0) return Served::cut;
      if (std::memcmp(&got[at], &bytes[at], static_cast<std::size_t>(count)) != 0)
        return Served::wrong;
      at += static_cast<std::size_t>(count);
    }
  }
  ::shutdown(client, SHUT_WR);
  const ssize_t end = ::recv(client, got.data(), got.size(), 0);
  if (end < 0 && errno == EAGAIN) return Served::hung;
  return end > 0 ? Served::wrong : end == 0 ? Served::whole : Served::cut;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int descriptor = 0; descriptor < 1024; ++descriptor)
    count += ::fcntl(descriptor, F_GETFD) >= 0;
  return count;
}

/// Two clients over TCP and one over the Unix socket, all at once.
void talk_to(Told& told, const std::string& path, const Plan& plan, Report& report) {
  std::array<Served, 3> served{};
  std::vector<std::thread> threads;
  for (std::size_t index = 0; index < served.size(); ++index)
    threads.emplace_back([&, index] {
      const int client = connect_client(told.port, index == 2 ? path : "");
      served[index] =
          client < 0 ? Served::cut : talk(client, bytes_of_client(static_cast<int>(index)));
      if (client >= 0) ::close(client);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t index = 0; index < served.size(); ++index) {
    if (served[index] == Served::wrong)
      complain(report, "client " + std::to_string(index) + " got a wrong byte");
    if (served[index] == Served::hung)
      complain(report, "client " + std::to_string(index) + " hung");
  }
  const auto whole = std::ranges::count(served, Served::whole);
  const int expected = plan.nth == 0 ? 3 : told.failures > 0 ? 0 : 2;
  if (whole < expected)
    complain(report, std::to_string(whole) + " of 3 clients were served to the end");
}

void act(Model model, const Plan& plan, const std::string& path, Report& report) {
  begin({});
  Stopper stopper;
  Told told;
  const std::size_t before = open_descriptors();
  begin(plan);
  const std::array<std::string, 2> texts{"tcp://127.0.0.1:0", "unix:" + path};
  const std::array<std::string_view, 2> views{texts[0], texts[1]};
  int status = -1;
  std::thread server{[&] {
    status = serve(services::echo, {.listen = std::span<const std::string_view>{views},
                                    .model = model,
                                    .drain = 1s,
                                    .handle_signals = false,
                                    .stopper = &stopper,
                                    .events = &told});
    told.ended();
  }};
  if (told.wait_until_it_listens()) {
    talk_to(told, path, plan, report);
    if (told.failures > 0 && !told.wait_for_end(2s))
      complain(report, "failed, but did not end by itself");
    stopper.stop();
  }
  if (!told.wait_for_end(3s * kSlowness)) {
    complain(report, "does not end when it is stopped");
    report.counts = counts();
    report.struck = has_struck();
    ::_exit(0);
  }
  server.join();
  report.counts = counts();
  report.struck = has_struck();
  if ((status == 0) != (told.failures == 0))
    complain(report, "status " + std::to_string(status) + " with " + std::to_string(told.failures) +
                         " failures told");
  if (told.unspoken) complain(report, "a failure was told that says nothing");
  if (const std::size_t after = open_descriptors(); after != before)
    complain(report,
             std::to_string(after) + " descriptors are open, were " + std::to_string(before));
}

std::string name_of_end(int status) {
  if (WIFSIGNALED(status)) return std::string{"crashed: "} + ::strsignal(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Outcome run(Model model, const Plan& plan) {
  void* const memory =
      ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& report = *new (memory) Report;
  const std::string path =
      std::filesystem::temp_directory_path() / ("headrace-faults-" + std::to_string(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) {
    act(model, plan, path, report);
    report.complete = true;
    ::_exit(0);
  }
  int status = 0;
  bool ended = false;
  for (const auto begin = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() < begin + kChildTime;) {
    ended = ::waitpid(child, &status, WNOHANG) == child;
    if (ended) break;
    ::poll(nullptr, 0, 1);
  }
  Outcome outcome;
  if (!ended) {
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, &status, 0);
    outcome.wrong = "hung";
  } else if (report.wrong[0] != '\0') {
    outcome.wrong = report.wrong.data();
  } else if (!report.complete) {
    outcome.wrong = name_of_end(status);
  }
  outcome.counts = report.counts;
  outcome.struck = report.struck;
  (void)::unlink(path.c_str());
  (void)::unlink((path + ".lock").c_str());
  (void)::munmap(memory, sizeof(Report));
  return outcome;
}

}  // namespace headrace::faults
