// SPDX-License-Identifier: MIT
//
// The one file with variables that outlive their functions: a signal handler has no argument to
// carry them.
#include "net/signals.hpp"

#include <atomic>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace headrace::net {

namespace {

constexpr std::array kCaught{SIGTERM, SIGINT, SIGHUP, SIGPIPE};

std::atomic<int> pipe_to_write{-1};
std::atomic<const RepeatedSignal*> to_arm{nullptr};

void note(int signal) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal);
  (void)sys::write(pipe_to_write.load(), &byte, 1);  // a full pipe holds enough stops already
  if (const RepeatedSignal* const repeat = to_arm.load(); repeat != nullptr) repeat->arm();
  errno = saved;
}

using Pipe = std::array<Socket, 2>;

Result<Pipe> make_pipe() {
  int ends[2];
  const int answer = sys::make_pipe(ends, O_CLOEXEC | O_NONBLOCK);
  if (answer < 0) return fail_errno("pipe2", -answer);
  return Pipe{Socket{ends[0]}, Socket{ends[1]}};
}

bool has_terminal() noexcept { return ::isatty(STDIN_FILENO) != 0 || ::isatty(STDERR_FILENO) != 0; }

}  // namespace

HeldSignals::HeldSignals() noexcept {
  sigset_t held;
  (void)::sigemptyset(&held);
  for (const int signal : kCaught) (void)::sigaddset(&held, signal);
  (void)::pthread_sigmask(SIG_BLOCK, &held, &before_);  // cannot fail for a valid set
}

void HeldSignals::release() noexcept {
  if (std::exchange(holds_, false)) (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Result<RepeatedSignal> RepeatedSignal::make() {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGURG;
  event._sigev_un._tid = ::gettid();  // glibc 2.36 has no other name for it
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
    return fail_errno("timer_create", errno);
  return RepeatedSignal{timer};
}

RepeatedSignal::RepeatedSignal(RepeatedSignal&& other) noexcept
    : timer_{other.timer_}, owns_{std::exchange(other.owns_, false)} {}

RepeatedSignal::~RepeatedSignal() {
  if (owns_) (void)::timer_delete(timer_);  // it exists
}

void RepeatedSignal::arm() const noexcept {
  constexpr timespec kEvery{0, 5'000'000};
  const itimerspec when{kEvery, kEvery};
  (void)::timer_settime(timer_, 0, &when, nullptr);  // cannot fail for a timer that exists
}

Result<StopSignals> StopSignals::catch_them(const RepeatedSignal* repeat) {
  auto ends = make_pipe();
  if (!ends) return std::unexpected(ends.error());
  int expected = -1;
  if (!pipe_to_write.compare_exchange_strong(expected, (*ends)[1].descriptor()))
    return fail(Errc::address_in_use, "another server of this process handles signals");
  to_arm.store(repeat);
  return StopSignals{std::move((*ends)[0]), std::move((*ends)[1]), Process::parent};
}

Result<StopSignals> StopSignals::catch_in_child(const RepeatedSignal* repeat) {
  to_arm.store(repeat);
  if (const int parents = pipe_to_write.exchange(-1); parents >= 0)
    (void)sys::close(parents);  // the parent has it still
  auto ends = make_pipe();
  if (!ends) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) (void)std::signal(signal, SIG_IGN);
    return std::unexpected(ends.error());
  }
  pipe_to_write.store((*ends)[1].descriptor());
  return StopSignals{std::move((*ends)[0]), std::move((*ends)[1]), Process::child};
}

StopSignals::StopSignals(Socket reading, Socket writing, Process process) noexcept
    : reading_{std::move(reading)}, writing_{std::move(writing)} {
  for (std::size_t index = 0; index < kSignals; ++index) {
    struct sigaction action{};
    const int signal = kCaught[index];
    const bool ignored = signal == SIGPIPE || (signal == SIGHUP && !has_terminal()) ||
                         (process == Process::child && signal != SIGTERM);
    action.sa_handler = ignored ? SIG_IGN : note;  // no SA_RESTART: a blocked call must return
    (void)::sigaction(signal, &action, &before_[index]);  // cannot fail for these
  }
}

StopSignals::StopSignals(StopSignals&& other) noexcept
    : reading_{std::move(other.reading_)},
      writing_{std::move(other.writing_)},
      before_{other.before_} {}

StopSignals::~StopSignals() {
  if (!writing_.is_open()) return;
  for (std::size_t index = 0; index < kSignals; ++index)
    (void)::sigaction(kCaught[index], &before_[index], nullptr);
  to_arm.store(nullptr);
  pipe_to_write.store(-1);
}

}  // namespace headrace::net
