// SPDX-License-Identifier: MIT
//
// Lines are gathered and written once a look. Nothing is lost between: events wait in the kernel,
// which tells when they are too many.
#include "watch/lines.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include <poll.h>

#include <fmt/format.h>

#include "output.hpp"
#include "watch/pace.hpp"
#include "watch/signal_input.hpp"
#include "watch/words.hpp"

namespace headrace::watch {

namespace {

using namespace std::chrono_literals;
using Clock = Pace::Clock;

constexpr std::size_t kEnough = 64 * 1024;  // bytes in one write

class Lines {
 public:
  Lines(const WatchArguments& arguments, TcpWatch& watch)
      : arguments_{arguments}, watch_{watch}, pace_{arguments.interval} {}

  int run();

 private:
  bool look_first();
  bool look_again();
  void add(std::string_view line) { text_.append(line).append("\n"); }
  void add(const TcpEvent& event) {
    add(arguments_.json ? event_json(event, namespace_) : event_line(event));
  }
  bool flush();
  bool fail(const Failure& failure);
  void tell_losses();
  [[nodiscard]] int wait(const SignalInput& signals) const;

  const WatchArguments& arguments_;
  TcpWatch& watch_;
  Pace pace_;
  std::uint64_t namespace_ = network_namespace();
  std::string text_;
  std::uint64_t losses_told_ = 0;
  int status_ = tool::kDone;
};

bool Lines::fail(const Failure& failure) {
  status_ =
      tool::complain(fmt::format("watch: {}: {}", failure.call, failure.reason()), tool::kFailed);
  return false;
}

bool Lines::flush() {
  if (!text_.empty()) status_ = tool::print(text_);
  text_.clear();
  return status_ == tool::kDone;
}

// Order for a reader: by state, then by address.
bool Lines::look_first() {
  std::vector<TcpSighting> rows;
  const auto snapshot = watch_.look(
      [&](const TcpSighting& row) {
        if (!arguments_.json) return rows.push_back(row);
        add(row_json(row, namespace_));
        if (text_.size() > kEnough) (void)flush();
      },
      [](const TcpEvent&) {});
  if (!snapshot) return fail(snapshot.error());
  if (arguments_.json) return flush();

  std::ranges::sort(rows, {}, [](const TcpSighting& row) {
    return std::tuple{row.socket.state, row.socket.local, row.socket.remote};
  });
  add(row_heading());
  for (const TcpSighting& row : rows) add(row_line(row));
  if (!snapshot->consistent)
    (void)tool::complain("watch: the table changed while it was read: rows may be missing",
                         tool::kDone);
  return flush();
}

bool Lines::look_again() {
  pace_.begin();
  const auto snapshot =
      watch_.look([](const TcpSighting&) {}, [&](const TcpEvent& event) { add(event); });
  if (!snapshot) return fail(snapshot.error());
  tell_losses();
  const bool written = flush();
  pace_.end();
  return written;
}

void Lines::tell_losses() {
  std::uint64_t lost = 0;
  std::uint64_t gaps = 0;
  for (const TcpSourceStatus& source : watch_.sources()) {
    lost += source.lost;
    gaps += source.gaps;
  }
  if (gaps == losses_told_) return;
  losses_told_ = gaps;
  (void)tool::complain(
      fmt::format("watch: events came faster than they were read: lost {} times, {} or more", gaps,
                  std::max(lost, gaps)),
      tool::kDone);
}

// Milliseconds until the next look.
int Lines::wait(const SignalInput& signals) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(pace_.next() - Clock::now());
  pollfd entry{.fd = signals.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(std::clamp(left, 0ms, 3'600'000ms).count()));
}

int Lines::run() {
  SignalInput signals;
  pace_.begin();
  if (!look_first() || arguments_.once) return status_;
  pace_.end();
  while (true) {
    (void)wait(signals);  // interrupted or not: what is due is seen below
    if (is_end(signals.next())) break;
    if (Clock::now() >= pace_.next() && !look_again()) return status_;
  }
  // What has just happened is not lost.
  (void)look_again();
  return status_;
}

}  // namespace

int run_lines(const WatchArguments& arguments, TcpWatch& watch) {
  return Lines{arguments, watch}.run();
}

}  // namespace headrace::watch
