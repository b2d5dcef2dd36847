// SPDX-License-Identifier: MIT
//
// A member's bytes as lines, and a line as others may be shown it. Not here: encodings other than
// UTF-8 (Transcoder), and what a line says (session.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::chat {

/// Cuts what comes into lines at '\n'; a '\r' before it is taken off. A line over the limit is
/// refused whole, however it was cut by the network.
class LineReader {
 public:
  explicit LineReader(std::size_t longest) noexcept : longest_{longest} {}

  void add(std::string_view bytes);

  struct Line {
    std::string_view text;  // valid until the next call of any member
    bool too_long;          // told once, when its end has come
  };
  /// The next whole line.
  [[nodiscard]] std::optional<Line> next();

  /// Bytes of a line whose end has not come.
  [[nodiscard]] std::size_t half() const noexcept { return bytes_.size() - begin_; }

 private:
  std::size_t longest_;
  std::string bytes_;
  std::size_t begin_ = 0;     // of what has not been given out
  std::size_t searched_ = 0;  // no '\n' before
  bool skipping_ = false;     // the rest of a line that is too long
};

/// `line` as nobody's terminal can be harmed by: unsafe characters escaped as `\x1b` and
/// `\u{202E}`, bytes that are no UTF-8 as U+FFFD, which are counted in `invalid`.
[[nodiscard]] std::string made_safe(std::string_view line, std::uint64_t& invalid);

}  // namespace headrace::chat
