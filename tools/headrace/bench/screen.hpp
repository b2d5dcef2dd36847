// SPDX-License-Identifier: MIT
//
// Screen: a few lines on the terminal that stderr is, drawn again in place. Where stderr is no
// terminal (or TERM=dumb) there is no screen, and whoever draws writes plain lines instead.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::bench {

class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { clear(); }

  /// Whether a person looks. Where not, `draw` and `clear` do nothing.
  [[nodiscard]] bool is_there() const noexcept { return there_; }
  [[nodiscard]] std::size_t columns() const noexcept;

  /// In place of what was drawn before. A line that is too long, and lines beyond the terminal's
  /// height, are cut. The first stands out, where colours are wanted.
  void draw(const std::vector<std::string>& lines);
  /// Takes away what was drawn.
  void clear();

  /// A line for the log that stderr is where it is no terminal.
  static void say(std::string_view line);

 private:
  void write(std::string_view text);

  bool there_;
  bool colour_;
  std::size_t drawn_ = 0;  // lines
};

/// `text`, made fit for a terminal, on exactly `columns` of its columns: cut, or filled with
/// blanks.
[[nodiscard]] std::string padded(std::string_view text, std::size_t columns);

/// Columns that `text` takes on a terminal.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept;

/// A bar, `share` (0 to 1) of `columns` long, and blank for the rest.
[[nodiscard]] std::string bar(double share, std::size_t columns);

/// The last `columns` values as a line of small columns, the highest value full.
[[nodiscard]] std::string sparkline(std::span<const double> values, std::size_t columns);

}  // namespace headrace::bench
