// SPDX-License-Identifier: MIT
//
// A server under test: `serve()` in a child process, and what it reports, in memory shared with it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "headrace/serve.hpp"
#include "headrace/services.hpp"

namespace headrace::conformance {

/// How long anything may take before the test gives up. Longer under sanitizers.
[[nodiscard]] std::chrono::nanoseconds patience() noexcept;

/// Asks every millisecond until `fact` holds; throws with `what` in the message when patience is
/// over.
void wait_until(std::string_view what, auto fact);

/// What the server tells the test while it runs. Written by the server's threads and processes.
struct Report {
  using Count = std::atomic<std::int64_t>;
  static constexpr std::size_t kLongest = 300;

  Count doors = 0;  // addresses that it listens at
  std::array<std::array<char, kLongest>, 4> listening_at{};
  Count arrived = 0;
  std::array<Count, 8> departed{};  // by Departure; more than there are
  std::array<Count, 8> refused{};   // by Refusal; likewise
  Count paused = 0;                 // "out of descriptors" told
  Count draining = 0;
  Count stopped = 0;
  Statistics total{};  // once it has stopped
  Count failed = 0;
  Errc failure{};                 // the first one
  std::array<Count, 64> facts{};  // what a service under test has to say

  [[nodiscard]] std::int64_t departures() const noexcept {
    return std::accumulate(departed.begin(), departed.end(), std::int64_t{0});
  }
  [[nodiscard]] std::int64_t refusals() const noexcept {
    return std::accumulate(refused.begin(), refused.end(), std::int64_t{0});
  }
};

/// In the server's own process: for `Setup::run`.
[[nodiscard]] Report& own_report() noexcept;

struct Setup {
  Service service = services::echo;
  ServeOptions options{};  // the model, the addresses and the events are not taken from here
  std::vector<std::string_view> listen{"tcp://127.0.0.1:0"};
  /// Runs in the child, instead of just `serve`.
  int (*run)(const Service& service, const ServeOptions& options) = serve;
  /// At once. Where a client holds a worker until it leaves there are made so many of them.
  unsigned clients = 32;
  std::vector<int> keeps{};  // descriptors of the test that the server is to have, ascending
};

/// For a suite that makes it harder: what each service is made into, in the server's process.
void make_harder(Service (*harder)(const Service& service)) noexcept;

/// Of `wanted` clients as many as a test should hold at once: fewer where each costs a process.
[[nodiscard]] unsigned clients_at_once(const ModelInfo& model, unsigned wanted) noexcept;

/// The server is stopped (status 0 is expected) at the end of its life, unless that has been done
/// before.
class Server {
 public:
  /// Waits until the server listens; throws when it does not come to that.
  explicit Server(const ModelInfo& model) : Server{model, Setup{}} {}
  Server(const ModelInfo& model, const Setup& setup);
  /// A service that tells facts: `service(report, peer)`.
  Server(const ModelInfo& model, Task<> (*service)(Report& report, Stream peer), Setup setup = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] Address address(std::size_t door = 0) const;
  [[nodiscard]] pid_t pid() const noexcept { return child_; }
  [[nodiscard]] const Report& report() const noexcept { return *report_; }
  [[nodiscard]] Report& report() noexcept { return *report_; }

  void signal(int number) const;
  /// To every process of the server, its children too.
  void signal_group(int number) const;
  /// Stops all of them in their tracks, and lets them go on. Meanwhile the kernel still talks to
  /// their clients.
  void freeze() const;
  void thaw() const;

  /// SIGKILL; what it has reported until then remains.
  void kill();

  /// The exit status; throws when it does not exit in time, is killed, or leaves a child behind.
  int wait_for_exit();
  /// SIGTERM; the statistics at the end. The exit status is expected to be 0.
  Statistics stop();

  /// Its living children; exact while it is frozen, or does nothing.
  [[nodiscard]] std::vector<pid_t> children() const;

  /// What /proc says of the server and its children together.
  [[nodiscard]] std::size_t processes() const;
  [[nodiscard]] std::size_t descriptors() const;
  [[nodiscard]] std::size_t threads() const;
  [[nodiscard]] std::size_t private_memory() const;  // bytes; what is shared counts once
  [[nodiscard]] std::size_t sleeps() const;          // system calls that had to wait, so far
  [[nodiscard]] std::chrono::milliseconds processor_time() const;

  /// Until all of it sleeps or has worked for a while: what it has not done by then it does not
  /// mean to do, however busy the machine.
  void let_it_work() const;

 private:
  Server(const ModelInfo& model, const Setup& setup, Report* report);
  void start(const ModelInfo& model, const Setup& setup);
  [[noreturn]] void run_child(const ModelInfo& model, const Setup& setup) const;
  /// Whether it has ended; leaves the status to be had.
  [[nodiscard]] bool has_ended() const noexcept;

  Report* report_;
  pid_t child_ = -1;
  bool running_ = false;
};

/// Starts a server that is not expected to come to listen, and returns its exit status and why it
/// failed.
struct FailedStart {
  int status;
  Errc why;
};
[[nodiscard]] FailedStart start_that_fails(const ModelInfo& model, std::string_view listen,
                                           Workers workers,
                                           const Service& service = services::echo);

// Implementation of the template above.

class Patience {
 public:
  explicit Patience(std::string_view what) : what_{what} {}
  /// Sleeps a millisecond; throws when patience is over.
  void wait();

 private:
  std::string_view what_;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + patience();
};

void wait_until(std::string_view what, auto fact) {
  for (Patience patience{what}; !fact();) patience.wait();
}

}  // namespace headrace::conformance
