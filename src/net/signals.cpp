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

bool has_terminal() noexcept { return ::isatty(STDIN_FILENO) != 0 || ::isatty(STDERR_FILENO) != 0; }

}  // namespace

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
  int ends[2];
  const int answer = sys::make_pipe(ends, O_CLOEXEC | O_NONBLOCK);
  if (answer < 0) return fail_errno("pipe2", -answer);
  Socket reading{ends[0]};
  Socket writing{ends[1]};
  int expected = -1;
  if (!pipe_to_write.compare_exchange_strong(expected, writing.descriptor()))
    return fail(Errc::address_in_use, "another server of this process handles signals");
  to_arm.store(repeat);
  return StopSignals{std::move(reading), std::move(writing)};
}

StopSignals::StopSignals(Socket reading, Socket writing) noexcept
    : reading_{std::move(reading)}, writing_{std::move(writing)} {
  for (std::size_t index = 0; index < kSignals; ++index) {
    struct sigaction action{};
    const bool ignored = kCaught[index] == SIGPIPE || (kCaught[index] == SIGHUP && !has_terminal());
    action.sa_handler = ignored ? SIG_IGN : note;  // no SA_RESTART: a blocked call must return
    (void)::sigaction(kCaught[index], &action, &before_[index]);  // cannot fail for these
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
