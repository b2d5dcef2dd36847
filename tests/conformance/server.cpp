// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <thread>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "processes.hpp"

namespace headrace::conformance {

namespace {

using Clock = std::chrono::steady_clock;

Report* report_of_this_process = nullptr;
Service (*made_harder)(const Service& service) = nullptr;

class Reporter final : public ServerEvents {
 public:
  explicit Reporter(Report& report) noexcept : report_{report} {}

  void listening(const Address& at, const ModelInfo&, unsigned, int) noexcept override {
    const auto door = static_cast<std::size_t>(report_.doors.load());
    if (door >= report_.listening_at.size()) return;
    const AddressText text{at};
    text.view().copy(report_.listening_at[door].data(), Report::kLongest - 1);
    ++report_.doors;
  }
  void arrived(const ConnectionView&) noexcept override { ++report_.arrived; }
  void departed(const ConnectionView&, Departure how) noexcept override {
    ++report_.departed[static_cast<std::size_t>(how)];
  }
  void refused(const Address&, Refusal why) noexcept override {
    ++report_.refused[static_cast<std::size_t>(why)];
  }
  void accept_paused(const Failure&) noexcept override { ++report_.paused; }
  void draining(std::uint64_t) noexcept override { ++report_.draining; }
  void stopped(const Statistics& total) noexcept override {
    report_.total = total;
    ++report_.stopped;
  }
  void failed(std::string_view, const Failure& failure) noexcept override {
    if (report_.failed == 0) report_.failure = failure.code;
    ++report_.failed;
  }

 private:
  Report& report_;
};

Report* make_report() {
  void* const memory =
      ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error{"no memory for the report"};
  return new (memory) Report{};
}

[[noreturn]] void give_up(const std::string& why) { throw std::runtime_error{why}; }

Setup with_service(Setup setup, Task<> (*service)(Report&, Stream), Report& report) {
  setup.service = Service{service, report}.serving(setup.service.concurrency);
  return setup;
}

}  // namespace

unsigned clients_at_once(const ModelInfo& model, unsigned wanted) noexcept {
  const bool forks = model.launcher == LauncherKind::process_per_connection ||
                     model.launcher == LauncherKind::prefork;
  constexpr unsigned kProcesses = 200;
  return forks ? std::min(wanted, kProcesses) : wanted;
}

void make_harder(Service (*harder)(const Service& service)) noexcept { made_harder = harder; }

Report& own_report() noexcept { return *report_of_this_process; }

std::chrono::nanoseconds patience() noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::chrono::seconds{100};
#else
  return std::chrono::seconds{25};
#endif
}

void Patience::wait() {
  if (Clock::now() > end_) give_up("waited in vain: " + std::string{what_});
  std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

Server::Server(const ModelInfo& model, const Setup& setup) : Server{model, setup, make_report()} {}

Server::Server(const ModelInfo& model, Task<> (*service)(Report&, Stream), Setup setup)
    : report_{make_report()} {
  start(model, with_service(std::move(setup), service, *report_));
}

Server::Server(const ModelInfo& model, const Setup& setup, Report* report) : report_{report} {
  start(model, setup);
}

void Server::start(const ModelInfo& model, const Setup& setup) {
  (void)std::fflush(nullptr);  // or the child would print it again
  child_ = ::fork();
  if (child_ < 0) give_up("fork failed");
  if (child_ == 0) run_child(model, setup);
  running_ = true;
  const auto doors = static_cast<std::int64_t>(setup.listen.size());
  wait_until("the server listens", [&] {
    if (report_->doors >= doors) return true;
    // It may have listened and ended between two looks.
    if (has_ended() && report_->doors < doors) give_up("the server ended before it listened");
    return false;
  });
}

/// Clients of the test must not stay open in the server.
void close_all_but(const std::vector<int>& keeps) {
  unsigned next = 3;
  for (const int kept : keeps) {
    const auto number = static_cast<unsigned>(kept);
    if (number > next) (void)::close_range(next, number - 1, 0);
    next = number + 1;
  }
  (void)::close_range(next, ~0U, 0);
}

void Server::run_child(const ModelInfo& model, const Setup& setup) const {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::setsid();  // it and its children are a group that can be looked at
  close_all_but(setup.keeps);
  (void)::alarm(0);
  report_of_this_process = report_;
  Reporter events{*report_};
  ServeOptions options = setup.options;
  const bool holds_workers =
      model.launcher == LauncherKind::prefork || model.launcher == LauncherKind::thread_pool;
  if (holds_workers && options.workers.is_by_model() &&
      setup.service.concurrency != Concurrency::one)
    options.workers = setup.clients;
  options.model = model.model;
  options.listen = std::span{setup.listen};
  options.events = &events;
  const Service service = made_harder == nullptr ? setup.service : made_harder(setup.service);
  std::exit(setup.run(service, options));  // not _exit: LeakSanitizer looks at exit
}

Server::~Server() {
  try {
    if (running_ && std::uncaught_exceptions() == 0) (void)stop();
  } catch (const std::exception& problem) {
    ADD_FAILURE() << problem.what();
  }
  if (running_) {
    (void)::kill(-child_, SIGKILL);
    (void)::kill(child_, SIGKILL);  // in case it has no group yet
    (void)::waitpid(child_, nullptr, 0);
  }
  (void)::munmap(report_, sizeof(Report));
}

Address Server::address(std::size_t door) const {
  const auto parsed = Address::parse(report_->listening_at.at(door).data());
  if (!parsed) give_up("the server listens at no address");
  return *parsed;
}

void Server::signal(int number) const {
  if (::kill(child_, number) != 0) give_up("the server is not there to be signalled");
}

void Server::signal_group(int number) const {
  if (::kill(-child_, number) != 0) give_up("the server is not there to be signalled");
}

void Server::freeze() const {
  signal_group(SIGSTOP);
  wait_until("the server has stopped in its tracks",
             [this] { return proc::all_are_stopped(child_); });
}

void Server::thaw() const { signal_group(SIGCONT); }

std::vector<pid_t> Server::children() const {
  std::vector<pid_t> all = proc::processes_of(child_);
  std::erase_if(all, [this](pid_t process) { return process == child_ || proc::is_gone(process); });
  return all;
}

void Server::kill() {
  signal(SIGKILL);
  wait_until("the server is dead", [this] { return has_ended(); });
  (void)::waitpid(child_, nullptr, 0);
  running_ = false;
}

bool Server::has_ended() const noexcept {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child_;
}

int Server::wait_for_exit() {
  wait_until("the server exits", [this] { return has_ended(); });
  int status = 0;
  (void)::waitpid(child_, &status, 0);
  running_ = false;
  if (WIFSIGNALED(status))
    give_up("the server was killed by signal " + std::to_string(WTERMSIG(status)));
  if (::kill(-child_, 0) == 0) give_up("the server has ended, but a child of it is left");
  return WEXITSTATUS(status);
}

Statistics Server::stop() {
  signal(SIGTERM);
  EXPECT_EQ(wait_for_exit(), 0) << "exit status of the server";
  if (report_->stopped != 1) give_up("the server did not tell that it has stopped");
  return report_->total;
}

std::size_t Server::processes() const { return proc::processes_of(child_).size(); }
std::size_t Server::descriptors() const { return proc::entries_of(child_, "fd"); }
std::size_t Server::threads() const { return proc::entries_of(child_, "task"); }
std::size_t Server::private_memory() const { return proc::private_memory_of(child_); }
std::size_t Server::sleeps() const { return proc::sleeps_of(child_); }
std::chrono::milliseconds Server::processor_time() const { return proc::processor_time_of(child_); }

void Server::let_it_work() const {
  constexpr std::chrono::milliseconds kWhile{50};
  const auto enough = processor_time() + kWhile;
  wait_until("the server has had its turn",
             [&] { return proc::all_sleep(child_) || processor_time() >= enough; });
}

FailedStart start_that_fails(const ModelInfo& model, std::string_view listen, Workers workers,
                             const Service& service) {
  Report* const report = make_report();
  (void)std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) give_up("fork failed");
  if (child == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Reporter events{*report};
    std::exit(serve(
        service, {.listen = listen, .model = model.model, .workers = workers, .events = &events}));
  }
  int status = 0;
  try {
    wait_until("the second server gives up",
               [&] { return ::waitpid(child, &status, WNOHANG) == child; });
  } catch (...) {
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
    throw;
  }
  const FailedStart result{WIFEXITED(status) ? WEXITSTATUS(status) : -1, report->failure};
  (void)::munmap(report, sizeof(Report));
  return result;
}

}  // namespace headrace::conformance
