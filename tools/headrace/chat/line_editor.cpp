// SPDX-License-Identifier: MIT
//
// libedit asks us for each key. We wait for one and, at the same time, for lines to be shown: so
// they come also while libedit waits for what follows a lone ESC, which it does inside its own
// reading. To show them the half-typed line is wiped off (it may have several rows) and drawn
// again.
#include "chat/line_editor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <system_error>

#include <histedit.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "escape.hpp"
#include "output.hpp"
#include "text/characters.hpp"

namespace headrace::tool {

namespace {

constexpr std::array<std::string_view, 9> kCommands{"/help", "/join", "/me",    "/msg", "/nick",
                                                    "/part", "/quit", "/rooms", "/who"};
constexpr std::size_t kPromptColumns = 2;

// Signals find the editor here: a handler has no argument.
volatile std::sig_atomic_t stop_bell = -1;
volatile std::sig_atomic_t told_to_stop = 0;
volatile std::sig_atomic_t resized = 0;
volatile std::sig_atomic_t told_to_pause = 0;
volatile std::sig_atomic_t continued = 0;

void ring(int bell) noexcept {
  const std::uint64_t one = 1;
  (void)!::write(bell, &one, sizeof one);  // EAGAIN: it rings already
}

/// Whether the signal has come since the last time.
bool take(volatile std::sig_atomic_t& note) noexcept {
  if (note == 0) return false;
  note = 0;
  return true;
}

/// Notes a signal for the editor's thread.
template <volatile std::sig_atomic_t& Note>
void on_signal(int) noexcept {
  const int saved = errno;
  Note = 1;
  ring(stop_bell);
  errno = saved;
}

void catch_signal(int number, void (*with)(int)) noexcept {
  struct sigaction action{};
  action.sa_handler = with;
  (void)::sigaction(number, &action, nullptr);
}

void catch_signals() noexcept {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) catch_signal(number, on_signal<told_to_stop>);
  catch_signal(SIGWINCH, on_signal<resized>);
  catch_signal(SIGTSTP, on_signal<told_to_pause>);
  catch_signal(SIGCONT, on_signal<continued>);
}

std::string narrow(const wchar_t* text, std::size_t size) {
  std::string bytes;
  for (std::size_t index = 0; index < size; ++index)
    text::append(bytes, static_cast<char32_t>(text[index]));
  return bytes;
}

std::wstring widen(std::string_view bytes) {
  std::wstring text;
  while (!bytes.empty()) {
    const auto [character, size] = text::decode(bytes);
    text += static_cast<wchar_t>(size == 0 ? text::kReplacement : character);
    bytes.remove_prefix(size == 0 ? 1 : size);
  }
  return text;
}

void put(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the terminal is gone: reading will tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

// What libedit calls.
struct LineEditor::Calls {
  static LineEditor& self(EditLine* editor) noexcept {
    void* data = nullptr;
    (void)::el_wget(editor, EL_CLIENTDATA, &data);
    return *static_cast<LineEditor*>(data);
  }
  static int get(EditLine* editor, wchar_t* character) {
    return self(editor).get_character(character);
  }
  static unsigned char complete(EditLine* editor, int) {
    self(editor).complete();
    return CC_REFRESH;
  }
  static wchar_t* prompt(EditLine*) {
    static std::array<wchar_t, 3> text{L'>', L' ', L'\0'};
    return text.data();
  }
};

LineEditor::LineEditor(Typed typed, Ended ended)
    : typed_{std::move(typed)},
      ended_{std::move(ended)},
      bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (bell_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
  stop_bell = bell_;
  // Wide characters need a locale that knows them.
  const char* const locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || MB_CUR_MAX == 1) (void)std::setlocale(LC_CTYPE, "C.UTF-8");
  catch_signals();
  thread_ = std::thread{[this] { run(); }};
}

LineEditor::~LineEditor() {
  stop();
  thread_.join();
  stop_bell = -1;
  ::close(bell_);
}

void LineEditor::show(std::string line) {
  waiting_.put(std::move(line));
  ring(bell_);
}

void LineEditor::know(std::string_view nick) {
  const std::lock_guard lock{mutex_};
  if (nicks_.size() < 10'000) nicks_.emplace(nick);
}

void LineEditor::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  ring(bell_);
}

void LineEditor::run() {
  editor_ = ::el_init("headrace", stdin, stdout, stderr);
  if (editor_ == nullptr) return ended_();
  (void)::el_wset(editor_, EL_CLIENTDATA, this);
  (void)::el_wset(editor_, EL_PROMPT, &Calls::prompt);
  (void)::el_wset(editor_, EL_EDITOR, L"emacs");
  (void)::el_wset(editor_, EL_GETCFN, &Calls::get);
  (void)::el_wset(editor_, EL_ADDFN, L"complete", L"complete a nick or a command",
                  &Calls::complete);
  (void)::el_wset(editor_, EL_BIND, L"\t", L"complete", nullptr);
  HistoryW* const history = ::history_winit();
  HistEventW event;
  (void)::history_w(history, &event, H_SETSIZE, 1000);
  (void)::el_wset(editor_, EL_HIST, history_w, history);
  for (;;) {
    int size = 0;
    reading_ = true;
    const wchar_t* const line = ::el_wgets(editor_, &size);
    reading_ = false;
    if (line == nullptr || size <= 0) break;
    const std::size_t length = static_cast<std::size_t>(size) - (line[size - 1] == L'\n' ? 1 : 0);
    if (length == 0) continue;
    (void)::history_w(history, &event, H_ENTER, line);
    if (!typed_(narrow(line, length))) show("-- not sent: too much is waiting");
  }
  put("\r\x1b[J");
  print_waiting();
  ::el_end(editor_);
  ::history_wend(history);
  ended_();
}

// Keys.

/// False at the end.
bool LineEditor::wait_for_key() {
  for (;;) {
    std::array<pollfd, 2> entries{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                   {.fd = bell_, .events = POLLIN, .revents = 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return false;
    if ((entries[1].revents & POLLIN) != 0) {
      std::uint64_t rings = 0;
      (void)!::read(bell_, &rings, sizeof rings);
    }
    {
      const std::lock_guard lock{mutex_};
      if (stopping_ || told_to_stop != 0) return false;
    }
    answer_signals();
    print_waiting();
    if (entries[0].revents != 0) return true;
  }
}

/// What the terminal, or a shell with Ctrl-Z and fg, has told us. While we are stopped the terminal
/// is as it was before us; who has used it meanwhile may have left it in any state.
void LineEditor::answer_signals() {
  if (take(resized)) {
    wipe_half_line();
    ::el_resize(editor_);
    draw_half_line();
  }
  if (take(told_to_pause)) {
    wipe_half_line();
    (void)::el_wset(editor_, EL_PREP_TERM, 0);
    catch_signal(SIGTSTP, SIG_DFL);
    (void)::raise(SIGTSTP);  // goes on behind it when somebody says SIGCONT
    catch_signal(SIGTSTP, on_signal<told_to_pause>);
    continued = 1;
  }
  if (take(continued)) {
    (void)::el_wset(editor_, EL_PREP_TERM, 1);
    ::el_resize(editor_);
    draw_half_line();
  }
}

int LineEditor::get_character(wchar_t* character) {
  std::string bytes;
  for (;;) {
    if (!wait_for_key()) return 0;
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return 0;
    bytes += byte;
    const auto [decoded, size] = text::decode(bytes);
    if (size != 0) {
      *character = static_cast<wchar_t>(decoded);
      return 1;
    }
    // Perhaps the rest of the character is on its way; four bytes are one, or none.
    if (bytes.size() >= 4 || (static_cast<unsigned char>(bytes[0]) & 0xC0) != 0xC0) bytes.clear();
  }
}

// The screen.

void LineEditor::print_waiting() {
  const auto lines = waiting_.take();
  if (lines.empty()) return;
  wipe_half_line();
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\r\n");
  put(text);
  draw_half_line();
}

/// Takes the half-typed line off the screen, all its rows; the cursor is where they began.
void LineEditor::wipe_half_line() {
  if (!reading_) return;
  const LineInfoW* const half = ::el_wline(editor_);
  std::size_t columns = kPromptColumns;
  for (const wchar_t* at = half->buffer; at != half->cursor; ++at)
    columns += display_width(static_cast<char32_t>(*at));
  const std::size_t rows = columns / std::max<std::size_t>(columns_of_stdout(), 1);
  put(rows == 0 ? "\r\x1b[J" : "\x1b[" + std::to_string(rows) + "A\r\x1b[J");
}

void LineEditor::draw_half_line() {
  if (reading_) (void)::el_wset(editor_, EL_REFRESH);
}

// The Tab key.

std::vector<std::string> LineEditor::words_with(std::string_view beginning, bool commands) {
  std::vector<std::string> found;
  if (commands)
    for (const std::string_view command : kCommands)
      if (command.starts_with(beginning)) found.emplace_back(command);
  const std::lock_guard lock{mutex_};
  for (auto nick = nicks_.lower_bound(std::string{beginning});
       nick != nicks_.end() && nick->starts_with(beginning); ++nick)
    found.push_back(*nick);
  return found;
}

void LineEditor::complete() {
  const LineInfoW* const line = ::el_wline(editor_);
  const std::string before =
      narrow(line->buffer, static_cast<std::size_t>(line->cursor - line->buffer));
  const std::size_t space = before.rfind(' ');
  const std::string word = space == before.npos ? before : before.substr(space + 1);
  const auto found = words_with(word, space == before.npos && word.starts_with('/'));
  if (found.empty() || word.empty()) return;
  std::string common = found.front();
  for (const std::string& other : found)
    common.resize(
        static_cast<std::size_t>(std::ranges::mismatch(common, other).in1 - common.begin()));
  if (found.size() == 1) common += ' ';
  while (!common.empty() && text::decode(std::string_view{common}.substr(word.size())).size == 0 &&
         common.size() > word.size())
    common.pop_back();  // the common part ends inside a character
  if (common.size() > word.size()) {
    (void)::el_winsertstr(editor_, widen(std::string_view{common}.substr(word.size())).c_str());
    return;
  }
  std::string list = "--";
  for (std::size_t index = 0; index < found.size() && index < 50; ++index)
    list.append(" ").append(found[index]);
  show(std::move(list));
}

}  // namespace headrace::tool
