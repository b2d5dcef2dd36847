// SPDX-License-Identifier: MIT
//
// signalfd(2): the signals are blocked, so nothing interrupts, and read when there is time.
#include "watch/signal_input.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace headrace::watch {

namespace {

sigset_t taken_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

bool is_end(int signal) noexcept {
  return signal == SIGINT || signal == SIGTERM || signal == SIGHUP;
}

SignalInput::SignalInput() noexcept {
  const sigset_t taken = taken_signals();
  (void)::sigprocmask(SIG_BLOCK, &taken, &before_);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &ignore, &pipe_before_);
  file_ = net::Socket{::signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC)};
}

SignalInput::~SignalInput() {
  while (next() != 0) {
  }
  (void)::sigaction(SIGPIPE, &pipe_before_, nullptr);
  (void)::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int SignalInput::next() noexcept {
  signalfd_siginfo signal{};
  const ssize_t size = ::read(file_.descriptor(), &signal, sizeof signal);
  return size == sizeof signal ? static_cast<int>(signal.ssi_signo) : 0;
}

void SignalInput::stop_here() noexcept { (void)::raise(SIGSTOP); }

}  // namespace headrace::watch
