// SPDX-License-Identifier: MIT
//
// A thread that asks the taps, and draws. The load never waits for it: it offers a copy when it is
// asked, and a terminal that is slow to read holds up only this thread.
#include "bench/load_view.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <pthread.h>

#include <fmt/format.h>

#include "bench/report.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 200ms;
constexpr auto kLineEvery = 10s;
constexpr auto kForAnswers = 50ms;  // that the taps are given

double seconds_of(auto time) { return std::chrono::duration<double>(time).count(); }

/// Signals are for the load's threads, which look at what the handler sets.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // fails only for a wrong first argument
}

}  // namespace

LoadView::LoadView(const Plan& plan) : plan_{plan}, taps_(plan.threads), looks_(plan.threads) {
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
  const auto ends_within = [&](auto time) {
    return news_.wait_for(lock, time, [this] { return over_; });
  };
  while (!ends_within(tick - kForAnswers)) {
    for (Tap& tap : taps_) tap.ask();
    if (ends_within(kForAnswers)) return;
    take();
    if (screen_.is_there())
      screen_.draw(lines());
    else if (running_)
      Screen::say(line());
  }
}

void LoadView::take() {
  Histogram recent;
  double rate = 0;
  auto began = Clock::time_point{};
  messages_ = errors_ = 0;
  for (std::size_t nth = 0; nth < taps_.size(); ++nth) {
    Tap::Look look = taps_[nth].look();
    const Tap::Look& before = looks_[nth];
    recent.merge(look.began == before.began ? look.latency.since(before.latency) : look.latency);
    rate += rate_between(before, look);
    messages_ += look.messages;
    errors_ += look.errors;
    began = std::max(began, look.began);
    looks_[nth] = std::move(look);
  }
  if (began != began_) {  // the warm-up is over
    rates_.clear();
    p99s_.clear();
    began_ = began;
  }
  running_ = running_ || messages_ > 0;
  rates_.push_back(rate);
  p99s_.push_back(static_cast<double>(recent.quantile(0.99)) / 1e3);
  looked_ = Clock::now();
}

std::string_view LoadView::counted_things() const noexcept {
  return plan_.load.churn > 0 ? "connections/s" : "messages/s";
}

std::string LoadView::line() const {
  return fmt::format("{}: {:.0f} s, {} {}, p99 {}, {} errors", AddressText{plan_.address}.view(),
                     seconds_of(looked_ - began_), grouped(rates_.back()), counted_things(),
                     of_time(p99s_.back()), errors_);
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
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}: {}, {} B", AddressText{plan_.address}.view(),
                              tool::counted(plan_.connections, "connection"), plan_.load.size));
  lines.push_back(progress(columns));
  if (!running_) return lines;
  const auto row = [&](std::string_view name, const std::string& value,
                       const std::vector<double>& history) {
    lines.push_back(fmt::format("  {:<8}{:>26}  {}", name, value, sparkline(history, room)));
  };
  row("rate", fmt::format("{} {}", grouped(rates_.back()), counted_things()), rates_);
  row("p99", of_time(p99s_.back()), p99s_);
  lines.push_back(fmt::format("  {:<8}{:>26}", "errors", errors_));
  return lines;
}

}  // namespace headrace::bench
