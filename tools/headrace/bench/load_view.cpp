// SPDX-License-Identifier: MIT
//
// A thread that asks the taps, and draws. The load never waits for it: it offers a copy when it is
// asked, and a terminal that is slow to read holds up only this thread.
#include "bench/load_view.hpp"

#include <csignal>

#include <pthread.h>

#include <fmt/format.h>

#include "bench/report.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 200ms;
constexpr auto kLineEvery = 10s;

double seconds_of(auto time) { return std::chrono::duration<double>(time).count(); }

/// Signals are for the load's threads, which look at what the handler sets.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // fails only for a wrong first argument
}

}  // namespace

LoadView::LoadView(const Plan& plan) : plan_{plan}, taps_(plan.threads) {
  began_ = looked_ = Clock::now();
  viewer_ = std::jthread{[this] {
    block_signals();
    look();
  }};
}

void LoadView::end() {
  {
    const std::scoped_lock lock{mutex_};
    over_ = true;
  }
  news_.notify_one();
  if (viewer_.joinable()) viewer_.join();
  screen_.clear();
}

void LoadView::look() {
  const auto tick = screen_.is_there() ? std::chrono::nanoseconds{kTick} : kLineEvery;
  std::unique_lock lock{mutex_};
  for (Tap& tap : taps_) (void)tap.look();  // the question, for the first time
  while (!news_.wait_for(lock, tick, [this] { return over_; })) {
    take();
    if (screen_.is_there())
      screen_.draw(lines());
    else if (running_)
      Screen::say(fmt::format("{}: {:.0f} s, {} messages/s, p99 {}, {} errors",
                              AddressText{plan_.address}.view(), seconds_of(looked_ - began_),
                              grouped(rates_.back()), of_time(p99s_.back()), errors_));
  }
}

void LoadView::take() {
  Histogram all;
  std::uint64_t messages = 0;
  errors_ = 0;
  for (Tap& tap : taps_) {
    const Tap::Look look = tap.look();
    all.merge(look.latency);
    messages += look.messages;
    errors_ += look.errors;
  }
  const auto now = Clock::now();
  if (messages < messages_) {  // the warm-up is over, and all is counted anew
    messages_ = 0;
    seen_ = Histogram{};
    rates_.clear();
    p99s_.clear();
    began_ = looked_;
  }
  if (!running_ && messages > 0) began_ = looked_;
  running_ = running_ || messages > 0;
  const Histogram recent = all.since(seen_);
  const double passed = seconds_of(now - looked_);
  rates_.push_back(passed > 0 ? static_cast<double>(messages - messages_) / passed : 0);
  p99s_.push_back(static_cast<double>(recent.quantile(0.99)) / 1e3);
  seen_ = all;
  messages_ = messages;
  looked_ = now;
}

std::string LoadView::progress(std::size_t columns) const {
  if (!running_) return "  connecting, or nothing was answered yet";
  const double passed = seconds_of(looked_ - began_);
  const auto& load = plan_.load;
  double share = 0, left = 0;
  if (load.duration) {
    const double whole = seconds_of(*load.duration);
    share = passed / whole;
    left = std::max(whole - passed, 0.0);
  }
  if (load.messages &&
      static_cast<double>(messages_) / static_cast<double>(*load.messages) > share) {
    share = static_cast<double>(messages_) / static_cast<double>(*load.messages);
    left = share > 0 ? passed * (1 - share) / share : 0;
  }
  const std::string text = fmt::format("{:.1f} s, {:.1f} s left", passed, left);
  const std::size_t room = columns > text.size() + 8 ? columns - text.size() - 8 : 1;
  return fmt::format("  [{}] {}", bar(share, room), text);
}

std::vector<std::string> LoadView::lines() const {
  const std::size_t columns = screen_.columns();
  const std::size_t room = columns > 48 ? columns - 44 : 8;
  const std::string_view what = plan_.load.churn > 0 ? "connections/s" : "messages/s";
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}: {}, {} B", AddressText{plan_.address}.view(),
                              tool::counted(plan_.connections, "connection"), plan_.load.size));
  lines.push_back(progress(columns));
  if (!running_) return lines;
  const auto row = [&](std::string_view name, const std::string& value,
                       const std::vector<double>& history) {
    lines.push_back(fmt::format("  {:<8}{:>26}  {}", name, value, sparkline(history, room)));
  };
  row("rate", fmt::format("{} {}", grouped(rates_.back()), what), rates_);
  row("p99", of_time(p99s_.back()), p99s_);
  lines.push_back(fmt::format("  {:<8}{:>26}", "errors", errors_));
  return lines;
}

}  // namespace headrace::bench
