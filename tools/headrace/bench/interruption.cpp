// SPDX-License-Identifier: MIT
//
// A signal handler can be given nothing, so what it needs stands outside: two atomics, and calls
// that signal-safety(7) allows.
#include "bench/interruption.hpp"

namespace headrace::bench {

namespace {

std::atomic<bool> interrupted{false};
std::atomic<pid_t> companion{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

void take_signal(int number) {
  if (!interrupted.exchange(true)) return;
  if (const pid_t group = companion; group > 0) (void)::kill(-group, SIGKILL);  // it may be gone
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  (void)::sigaction(number, &usual, nullptr);
  (void)::raise(number);  // takes effect when this handler returns
}

}  // namespace

Interruption::Interruption() noexcept {
  interrupted = false;
  struct sigaction action{};
  action.sa_handler = take_signal;
  action.sa_flags = 0;                            // no SA_RESTART: waits must return
  (void)::sigaction(SIGINT, &action, &old_int_);  // fails only for a signal that is none
  (void)::sigaction(SIGTERM, &action, &old_term_);
  (void)::sigaction(SIGHUP, nullptr, &old_hup_);
  if (old_hup_.sa_handler != SIG_IGN) (void)::sigaction(SIGHUP, &action, nullptr);  // else: nohup
}

Interruption::~Interruption() {
  (void)::sigaction(SIGINT, &old_int_, nullptr);
  (void)::sigaction(SIGTERM, &old_term_, nullptr);
  (void)::sigaction(SIGHUP, &old_hup_, nullptr);
}

const std::atomic<bool>& Interruption::flag() noexcept { return interrupted; }

void Interruption::takes_along(pid_t group) noexcept { companion = group; }

}  // namespace headrace::bench
