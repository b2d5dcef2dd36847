// SPDX-License-Identifier: MIT
//
// Lines of standard input, each to become a datagram: of any length, in bounded memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::tool {

/// Cuts what is read into lines, without their newlines. Of a line that is too long only its length
/// is kept.
class LineSplitter {
 public:
  struct Line {
    std::string text;  ///< its first bytes, at most as many as were asked for
    std::size_t size;  ///< of all of it
    [[nodiscard]] bool is_whole() const noexcept { return size == text.size(); }
  };

  explicit LineSplitter(std::size_t longest) : longest_{longest} {}

  /// What was read. Call only when `next` has nothing more.
  void feed(std::string_view bytes);
  /// Nothing more will be read: what is left is a line, if there is any.
  void end() noexcept { ended_ = true; }
  [[nodiscard]] std::optional<Line> next();

 private:
  std::size_t longest_;
  std::string fed_{};
  std::size_t taken_ = 0;  // of `fed_`
  Line begun_{};
  bool ended_ = false;
};

}  // namespace headrace::tool
