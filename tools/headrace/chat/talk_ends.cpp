// SPDX-License-Identifier: MIT
//
// A terminal: the editor on its thread types into the talk. Pipes: a task reads stdin, another one
// waits for Ctrl-C.
#include "chat/talk_ends.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <unistd.h>

#include <fmt/format.h>

#include "chat/line_editor.hpp"
#include "chat/shown_line.hpp"
#include "datagrams/data_output.hpp"
#include "datagrams/line_splitter.hpp"
#include "headrace/task_scope.hpp"
#include "log.hpp"
#include "net/signals.hpp"
#include "output.hpp"

namespace headrace::tool {

namespace {

using namespace std::chrono_literals;

constexpr auto kGoodBye = 2s;  // for the other side, once we have left

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  (void)::localtime_r(&now, &parts);
  return fmt::format("{:02}:{:02}", parts.tm_hour, parts.tm_min);
}

struct Nothing {};

Task<> run_and_tell(Talk& talk, Channel<Nothing>& ends) {
  co_await talk.run();
  (void)ends.try_send({});
}

/// Runs the talk until it, or the person, ends; the other side then has a moment to say good-bye.
Task<> run_talk(Engine& engine, Talk& talk, Channel<Nothing>& ends) {
  TaskScope scope{engine};
  if (!scope.spawn(run_and_tell(talk, ends))) co_return;
  (void)co_await ends.receive(engine);
  talk.hurry();
  const std::chrono::nanoseconds patience = talk.is_under_way() ? kGoodBye : 0s;
  (void)co_await ends.receive(engine, Deadline::after(patience));
  scope.cancel();
  co_await scope.join();
}

/// Lines of standard input; the last one also without a newline.
Task<> read_input(Engine& engine, Talk& talk) {
  LineSplitter lines{talk.longest_line()};
  std::string piece(65536, '\0');
  for (bool goes_on = true; goes_on;) {
    const auto ready = co_await engine.wait_ready(STDIN_FILENO, Direction::readable);
    if (!ready) break;
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    goes_on = got > 0;
    if (goes_on)
      lines.feed({piece.data(), static_cast<std::size_t>(got)});
    else
      lines.end();
    while (auto line = lines.next()) {
      if (!line->is_whole()) {
        talk.refuse(line->size);
        continue;
      }
      const auto sent = co_await talk.typed().send(engine, std::move(line->text));
      if (!sent) co_return;
    }
  }
  talk.typed().close();
}

/// Ctrl-C: leaves, and gives the other side a moment.
Task<> wait_for_stop(Engine& engine, Talk& talk, int stop, TaskScope& talking) {
  const auto stopped = co_await engine.wait_ready(stop, Direction::readable);
  if (!stopped) co_return;
  talk.typed().close();
  talk.hurry();
  const std::chrono::nanoseconds patience = talk.is_under_way() ? kGoodBye : 0s;
  const auto slept = co_await engine.sleep(Deadline::after(patience));
  if (slept) talking.cancel();
}

Task<> run_filter(Engine& engine, Talk& talk, int stop) {
  TaskScope talking{engine};
  TaskScope ends{engine};
  const bool starts = ends.spawn(read_input(engine, talk)).has_value() &&
                      ends.spawn(wait_for_stop(engine, talk, stop, talking)).has_value();
  // Refused: Ctrl-C came before we had begun.
  if (starts && talking.spawn(talk.run())) co_await talking.join();
  ends.cancel();
  co_await ends.join();
}

}  // namespace

bool is_at_terminal() noexcept {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

int talk_at_terminal(Engine& engine, Talk& talk) {
  const Colours colours = wants_colour(STDOUT_FILENO) ? Colours::yes : Colours::no;
  Channel<Nothing> ends{2};
  std::unique_ptr<LineEditor> editor;
  talk.show_with([&](std::string_view line) {
    if (const auto nick = nick_in(line); !nick.empty()) editor->know(nick);
    editor->show(shown_line(line, time_now(), colours));
    return true;
  });
  try {
    editor = std::make_unique<LineEditor>(
        [&](std::string line) { return talk.typed().try_send(std::move(line)).has_value(); },
        [&] {
          talk.typed().close();
          (void)ends.try_send({});
        });
  } catch (const std::system_error& error) {
    return complain(fmt::format("chat: {}", error.what()), kFailed);
  }
  engine.run(run_talk(engine, talk, ends));
  editor.reset();  // gives the terminal back
  return talk.status();
}

int talk_through_pipes(Engine& engine, Talk& talk) {
  auto signals = net::StopSignals::catch_them(nullptr);
  if (!signals)
    return complain(fmt::format("chat: {} ({})", signals.error().reason(), signals.error().call),
                    kFailed);
  const bool raw = ::isatty(STDOUT_FILENO) == 0;
  const DataOutput output{signals->descriptor()};
  std::optional<Failure> unwritten;
  talk.show_with([&](std::string_view line) {
    std::string text = raw ? std::string{line} : shown_line(line, time_now(), Colours::no);
    text += '\n';
    const auto written = output.write(text);
    if (!written) unwritten = written.error();
    return written.has_value();
  });
  engine.run(run_filter(engine, talk, signals->descriptor()));
  // Whoever read it has had enough, or we were told to stop.
  if (unwritten && (unwritten->code == Errc::broken_pipe || unwritten->code == Errc::canceled))
    return kDone;
  if (unwritten) return complain_about_output(*unwritten);
  return talk.status();
}

}  // namespace headrace::tool
