// SPDX-License-Identifier: MIT
//
// What the live view knows and how it looks: the picture of one moment, drawn for any size of
// screen. Not here: asking the kernel, keys, the terminal (live.cpp).
#pragma once

#include <deque>
#include <string>

#include "watch/canvas.hpp"
#include "watch/diagram.hpp"
#include "watch/table.hpp"

namespace headrace::watch {

class View {
 public:
  Table table;
  std::size_t first = 0;  // row of the table that is shown first
  std::string filter;     // as typed
  std::string prompt;     // what is being typed, when `asking`
  std::string message;    // about the last thing typed
  std::string sources;    // which there are, what they lost
  std::string place;      // host and namespace
  bool asking = false;
  bool paused = false;
  bool help = false;
  std::chrono::nanoseconds interval{};
  bool backs_off = false;

  void take(const TcpSnapshot& snapshot);
  void take(const TcpEvent& event);
  /// Before the events that come next: arrows taken from here on stand out.
  void mark_steps() noexcept { before_ = steps_; }
  void forget();

  [[nodiscard]] Canvas draw(std::size_t columns, std::size_t rows,
                            std::chrono::nanoseconds later) const;
  /// Rows of connections on the last screen that was drawn.
  [[nodiscard]] std::size_t page() const noexcept { return page_; }

 private:
  void draw_title(Canvas& canvas) const;
  void draw_events(Canvas& canvas, std::size_t column, std::size_t row, std::size_t rows) const;
  void draw_footer(Canvas& canvas) const;
  void draw_help(Canvas& canvas) const;

  Counts counts_{};
  Steps steps_;
  Steps before_;
  std::deque<std::string> events_;  // the last few, newest first
  std::uint64_t illegal_ = 0;
  std::uint64_t unseen_ = 0;
  bool consistent_ = true;
  mutable std::size_t page_ = 1;
};

}  // namespace headrace::watch
