// SPDX-License-Identifier: MIT
//
// LoadView: what a person sees while one server is loaded. On a terminal a few lines, drawn again
// five times a second; elsewhere a line every ten seconds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/measure.hpp"
#include "bench/screen.hpp"
#include "bench/tap.hpp"

namespace headrace::bench {

class LoadView {
 public:
  /// Begins to look. `plan` must outlive it.
  explicit LoadView(const Plan& plan);
  LoadView(const LoadView&) = delete;
  LoadView& operator=(const LoadView&) = delete;
  ~LoadView() { end(); }

  /// Where the threads of the load show themselves.
  [[nodiscard]] std::deque<Tap>& taps() noexcept { return taps_; }

  /// Takes the view away; what follows may be printed.
  void end();

 private:
  using Clock = std::chrono::steady_clock;

  void look();
  void take();
  [[nodiscard]] std::string_view counted_things() const noexcept;
  [[nodiscard]] std::string line() const;
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] std::string progress(std::size_t columns) const;

  const Plan& plan_;
  std::deque<Tap> taps_;
  std::vector<Tap::Look> looks_;  // the last at each
  Screen screen_;

  std::uint64_t messages_ = 0, errors_ = 0;
  Clock::time_point began_, looked_;  // what is counted, as far as we see it; the last look
  bool running_ = false;              // something was answered
  std::vector<double> rates_, p99s_;  // one a look

  std::mutex mutex_;
  std::condition_variable news_;
  bool over_ = false;
  std::jthread viewer_;  // last, so that everything else is there before it runs
};

}  // namespace headrace::bench
