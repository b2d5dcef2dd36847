// SPDX-License-Identifier: MIT
//
// termios(3) and the control sequences that every terminal of today knows (ECMA-48, xterm's second
// screen). ISIG stays on: Ctrl-C and Ctrl-Z are signals, and the terminal is restored when they are
// taken (signal_input.hpp). Signals that kill at once, Ctrl-\ and a crash, restore it in a handler;
// after SIGKILL it takes reset(1).
#include "watch/terminal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <sys/ioctl.h>
#include <unistd.h>

namespace headrace::watch {

namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // second screen, no cursor
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";

constexpr std::array kDeadly{SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// What a handler needs, which gets no argument of ours.
struct Rescue {
  std::array<struct sigaction, kDeadly.size()> before{};
  termios terminal{};
  bool has_keys = false;
} rescue;

// Only calls of signal-safety(7). The signal, sent again, finds whoever it belonged to before.
void restore_and_die(int signal) {
  (void)!::write(STDOUT_FILENO, kLeave.data(), kLeave.size());
  if (rescue.has_keys) (void)::tcsetattr(STDIN_FILENO, TCSANOW, &rescue.terminal);
  for (std::size_t i = 0; i < kDeadly.size(); ++i)
    if (kDeadly[i] == signal) (void)::sigaction(signal, &rescue.before[i], nullptr);
  (void)::raise(signal);  // blocked until we return
}

void arm_rescue(const termios& terminal, bool has_keys) noexcept {
  rescue.terminal = terminal;
  rescue.has_keys = has_keys;
  struct sigaction action{};
  action.sa_handler = restore_and_die;
  for (std::size_t i = 0; i < kDeadly.size(); ++i)
    (void)::sigaction(kDeadly[i], &action, &rescue.before[i]);
}

void disarm_rescue() noexcept {
  for (std::size_t i = 0; i < kDeadly.size(); ++i)
    (void)::sigaction(kDeadly[i], &rescue.before[i], nullptr);
}

struct Sequence {
  std::string_view bytes;
  Key key;
};
constexpr std::array kSequences{
    Sequence{"[A", Key::up},   Sequence{"[B", Key::down},     Sequence{"OA", Key::up},
    Sequence{"OB", Key::down}, Sequence{"[5~", Key::page_up}, Sequence{"[6~", Key::page_down},
    Sequence{"[H", Key::home}, Sequence{"[F", Key::end},      Sequence{"[1~", Key::home},
    Sequence{"[4~", Key::end}, Sequence{"OH", Key::home},     Sequence{"OF", Key::end}};

}  // namespace

Terminal::Terminal() : has_keys_{::tcgetattr(STDIN_FILENO, &before_) == 0} { enter(); }

void Terminal::enter() {
  if (!inside_) arm_rescue(before_, has_keys_);
  if (has_keys_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;  // read(2) never waits
    raw.c_cc[VTIME] = 0;
    // From the background this would stop us: nobody looks then, and SIGTTOU says so.
    has_keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  inside_ = true;
  (void)write(kEnter);
}

void Terminal::leave() noexcept {
  if (!inside_) return;
  inside_ = false;
  (void)write(kLeave);
  if (has_keys_) (void)::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  disarm_rescue();
}

Size Terminal::size() const noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

bool Terminal::write(std::string_view bytes) const noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

int Terminal::descriptor() const noexcept { return has_keys_ ? STDIN_FILENO : -1; }

void Terminal::read_keys() noexcept {
  at_ = count_ = 0;
  const ssize_t size = ::read(STDIN_FILENO, pending_, sizeof pending_);
  if (size > 0) count_ = static_cast<std::size_t>(size);
  if (size <= 0 && errno != EINTR) has_keys_ = false;  // hung up
}

Press Terminal::next() noexcept {
  if (at_ == count_) return {};
  const char character = pending_[at_++];
  if (character == '\r' || character == '\n') return {Key::enter};
  if (character == '\x7f' || character == '\b') return {Key::erase};
  if (character != '\x1b') return {Key::character, character};
  const std::string_view rest{pending_ + at_, count_ - at_};
  for (const Sequence& sequence : kSequences) {
    if (!rest.starts_with(sequence.bytes)) continue;
    at_ += sequence.bytes.size();
    return {sequence.key};
  }
  if (rest.empty()) return {Key::escape};
  // One that we do not know: up to its last byte (ECMA-48, 5.4).
  ++at_;
  while (rest.front() == '[' && at_ < count_ && (pending_[at_] < '@' || pending_[at_] > '~')) ++at_;
  at_ = std::min(at_ + 1, count_);
  return {Key::unknown};
}

}  // namespace headrace::watch
