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
// Only what hangs takes so long, but the machine may be busy.
constexpr int kClientSeconds = 10 * kSlowness;  // a client waits no longer than this for a byte
constexpr auto kServerTime = 15s * kSlowness;   // nor a server until it has ended
constexpr auto kChildTime = 40s * kSlowness;    // and the whole run takes no longer than this

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
    if (at.transport() == Transport::tcp) port = at.port();
    if (at.transport() == Transport::udp) datagram_port = at.port();
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
  std::atomic<std::uint16_t> datagram_port = 0;  // 0: the model has none beside connections
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

/// Who is stopped and goes on is interrupted where a socket has a time limit (signal(7)).
ssize_t receive(int client, char* bytes, std::size_t size) {
  for (;;) {
    const ssize_t got = ::recv(client, bytes, size, 0);
    if (got >= 0 || errno != EINTR) return got;
  }
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
      const ssize_t count = receive(client, &got[at], parts[part + 1] - at);
      if (count < 0 && errno == EAGAIN) return Served::hung;
      if (count <= 0) return Served::cut;
      if (std::memcmp(&got[at], &bytes[at], static_cast<std::size_t>(count)) != 0)
        return Served::wrong;
      at += static_cast<std::size_t>(count);
    }
  }
  ::shutdown(client, SHUT_WR);
  const ssize_t end = receive(client, got.data(), got.size());
  if (end < 0 && errno == EAGAIN) return Served::hung;
  return end > 0 ? Served::wrong : end == 0 ? Served::whole : Served::cut;
}

/// Sends datagrams until one is answered: each may be lost, but not all of them.
Served talk_by_datagrams(std::uint16_t port) {
  const int client = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval limit{0, 200'000};
  ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Served served = Served::hung;
  for (int tries = 0; tries < 20 && served == Served::hung; ++tries) {
    for (int burst = 0; burst < 3; ++burst)
      ::sendto(client, "datagram", 8, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    std::array<char, 16> got{};
    const ssize_t count = ::recv(client, got.data(), got.size(), 0);
    if (count >= 0)
      served = std::string_view{got.data(), static_cast<std::size_t>(count)} == "datagram"
                   ? Served::whole
                   : Served::wrong;
  }
  ::close(client);
  return served;
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
  if (told.datagram_port != 0) {
    const Served datagrams = talk_by_datagrams(told.datagram_port);
    if (datagrams == Served::wrong) complain(report, "a datagram came back changed");
    if (datagrams == Served::hung && told.failures == 0)
      complain(report, "no datagram was answered");
  }
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

bool clients_hold_workers(LauncherKind launcher) noexcept {
  return launcher == LauncherKind::prefork || launcher == LauncherKind::thread_pool;
}

void act(Model model, const Plan& plan, const std::string& path, Report& report) {
  begin({});
  Stopper stopper;
  Told told;
  services::DatagramRules rules{{}};  // without memory for it no server begins
  const std::size_t before = open_descriptors();
  begin(plan);
  const std::array<std::string, 3> texts{"tcp://127.0.0.1:0", "unix:" + path, "udp://127.0.0.1:0"};
  const std::array<std::string_view, 3> all{texts[0], texts[1], texts[2]};
  const LauncherKind launcher = info(model).launcher;
  const bool both = launcher == LauncherKind::event_loop || clients_hold_workers(launcher);
  const std::span<const std::string_view> views{all.data(), both ? 3UZ : 2UZ};
  int status = -1;
  std::thread server{[&] {
    const auto echo = Service{services::echo}.with_datagrams(services::echo_datagrams, rules);
    status = serve(echo, {.listen = views,
                          .model = model,
                          .drain = 1s,
                          .handle_signals = false,
                          .stopper = &stopper,
                          .events = &told});
    told.ended();
  }};
  if (told.wait_until_it_listens()) {
    talk_to(told, path, plan, report);
    if (told.failures > 0 && !told.wait_for_end(kServerTime))
      complain(report, "failed, but did not end by itself");
    stopper.stop();
  }
  if (!told.wait_for_end(kServerTime)) {
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
