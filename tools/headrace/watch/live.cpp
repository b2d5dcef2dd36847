// SPDX-License-Identifier: MIT
//
// The loop of the live view: one thread that waits for keys, signals and the next look in one
// poll(2). Between looks the picture is drawn again, with timers that have run on.
#include "watch/live.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "log.hpp"
#include "output.hpp"
#include "watch/filter.hpp"
#include "watch/pace.hpp"
#include "watch/signal_input.hpp"
#include "watch/sources.hpp"
#include "watch/terminal.hpp"
#include "watch/view.hpp"

namespace headrace::watch {

namespace {

using namespace std::chrono_literals;
using Clock = Pace::Clock;

// Whether the terminal is told to show UTF-8.
bool shows_lines() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text{value};
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos ||
           text.find("UTF8") != text.npos || text.find("utf-8") != text.npos;
  }
  return false;
}

class Live {
 public:
  Live(const WatchArguments& arguments, TcpWatch& watch)
      : watch_{watch},
        looks_{.colour = tool::wants_colour(STDOUT_FILENO), .lines = shows_lines()},
        pace_{arguments.interval},
        drawing_{std::clamp<std::chrono::nanoseconds>(arguments.interval, 100ms, 1s)} {
    view_.filter = arguments.filter_text;
    view_.place = fmt::format("network namespace {}", network_namespace());
  }

  int run();

 private:
  enum class Next : std::uint8_t { go_on, end };

  void wait(const SignalInput& signals) const;
  Next obey_signals(SignalInput& signals);
  Next obey_keys();
  Next obey(const Press& press);
  void type(const Press& press);
  void apply_filter();
  void scroll(const Press& press);
  bool look();
  bool draw();

  TcpWatch& watch_;
  Looks looks_;
  View view_;
  Pace pace_;
  Pace drawing_;
  std::optional<Terminal> terminal_;
  Clock::time_point looked_at_{};
  std::optional<Failure> failure_;
  bool hung_up_ = false;
};

void Live::wait(const SignalInput& signals) const {
  const auto next = view_.paused ? drawing_.next() : std::min(pace_.next(), drawing_.next());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  std::array<pollfd, 2> entries{
      pollfd{.fd = signals.descriptor(), .events = POLLIN, .revents = 0},
      pollfd{.fd = terminal_->descriptor(), .events = POLLIN, .revents = 0}};
  // Interrupted or not: what is due is seen afterwards.
  (void)::poll(entries.data(), entries.size(),
               static_cast<int>(std::clamp(left, 0ms, 3'600'000ms).count()));
}

Live::Next Live::obey_signals(SignalInput& signals) {
  for (int signal = signals.next(); signal != 0; signal = signals.next()) {
    if (is_end(signal)) return Next::end;
    if (signal == SIGTSTP) {
      terminal_->leave();
      signals.stop_here();
      terminal_->enter();
    }
    drawing_.hurry();  // the size may have changed
  }
  return Next::go_on;
}

Live::Next Live::obey_keys() {
  pollfd entry{.fd = terminal_->descriptor(), .events = POLLIN, .revents = 0};
  if (entry.fd < 0 || ::poll(&entry, 1, 0) <= 0) return Next::go_on;
  terminal_->read_keys();
  for (Press press = terminal_->next(); press.key != Key::none; press = terminal_->next()) {
    drawing_.hurry();
    if (view_.asking)
      type(press);
    else if (obey(press) == Next::end)
      return Next::end;
  }
  return Next::go_on;
}

Live::Next Live::obey(const Press& press) {
  view_.message.clear();
  if (press.key != Key::character) {
    if (press.key == Key::escape) view_.help = false;
    scroll(press);
    return Next::go_on;
  }
  switch (press.character) {
    case 'q':
    case '\x04':  // Ctrl-D
      return Next::end;
    case ' ':
    case 'p':
      view_.paused = !view_.paused;
      break;
    case 's':
      view_.table.set_order(
          static_cast<Order>((static_cast<std::size_t>(view_.table.order()) + 1) % kOrders),
          view_.table.is_reversed());
      pace_.hurry();  // other rows may be the first now
      break;
    case 'r':
      view_.table.set_order(view_.table.order(), !view_.table.is_reversed());
      pace_.hurry();
      break;
    case '/':
      view_.asking = true;
      view_.prompt = view_.filter;
      break;
    case '?':
    case 'h':
      view_.help = !view_.help;
      break;
    default:
      break;
  }
  return Next::go_on;
}

void Live::scroll(const Press& press) {
  const std::size_t most =
      view_.table.kept() > view_.page() ? view_.table.kept() - view_.page() : 0;
  const auto back = [&](std::size_t rows) { view_.first -= std::min(view_.first, rows); };
  if (press.key == Key::up) back(1);
  if (press.key == Key::page_up) back(view_.page());
  if (press.key == Key::home) view_.first = 0;
  if (press.key == Key::down) ++view_.first;
  if (press.key == Key::page_down) view_.first += view_.page();
  if (press.key == Key::end) view_.first = most;
  view_.first = std::min(view_.first, most);
}

void Live::type(const Press& press) {
  if (press.key == Key::escape) view_.asking = false;
  if (press.key == Key::erase && !view_.prompt.empty()) view_.prompt.pop_back();
  if (press.key == Key::character && press.character == '\x15') view_.prompt.clear();  // Ctrl-U
  if (press.key == Key::character && press.character >= ' ' && press.character <= '~')
    view_.prompt += press.character;
  if (press.key == Key::enter) apply_filter();
}

void Live::apply_filter() {
  view_.asking = false;
  const auto filter = parse_filter(std::array{view_.prompt});
  if (!filter) {
    view_.message = filter.error();
    return;
  }
  if (const auto set = watch_.set_filter(*filter); !set)
    view_.message = fmt::format("{}: {}", set.error().call, set.error().reason());
  view_.filter = view_.prompt;
  view_.forget();
  view_.paused = false;
  pace_.hurry();
}

bool Live::look() {
  pace_.begin();
  view_.mark_steps();
  view_.table.begin();
  const auto snapshot = watch_.look([&](const TcpSighting& row) { view_.table.add(row); },
                                    [&](const TcpEvent& event) { view_.take(event); });
  looked_at_ = Clock::now();
  if (!snapshot) {
    failure_ = snapshot.error();
    return false;
  }
  view_.table.end();
  view_.take(*snapshot);
  view_.sources = sources_text(watch_);
  pace_.end();
  view_.interval = pace_.rest();
  view_.backs_off = pace_.backs_off();
  drawing_.hurry();
  return true;
}

bool Live::draw() {
  drawing_.begin();
  const Size size = terminal_->size();
  const auto later = view_.paused ? 0ns : std::chrono::nanoseconds{Clock::now() - looked_at_};
  hung_up_ = !terminal_->write(view_.draw(size.columns, size.rows, later).frame(looks_));
  drawing_.end();
  return !hung_up_;
}

int Live::run() {
  SignalInput signals;
  terminal_.emplace();
  // Shown until the first key: on this screen nothing else could say it.
  for (const std::string& sentence : missing_sources(watch_))
    view_.message += (view_.message.empty() ? "" : "; ") + sentence;
  while (obey_signals(signals) == Next::go_on && obey_keys() == Next::go_on) {
    if (!view_.paused && Clock::now() >= pace_.next() && !look()) break;
    if (Clock::now() >= drawing_.next() && !draw()) break;
    wait(signals);
  }
  terminal_.reset();
  for (const std::string& sentence : missing_sources(watch_))
    (void)tool::complain("watch: " + sentence, tool::kDone);
  if (failure_)
    return tool::complain(fmt::format("watch: {}: {}", failure_->call, failure_->reason()),
                          tool::kFailed);
  return hung_up_ ? tool::kFailed : tool::kDone;
}

}  // namespace

int run_live(const WatchArguments& arguments, TcpWatch& watch) {
  return Live{arguments, watch}.run();
}

}  // namespace headrace::watch
