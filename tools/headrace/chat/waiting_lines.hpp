// SPDX-License-Identifier: MIT
//
// WaitingLines: lines that wait for a terminal, which may take its time: Ctrl-S stops it for as
// long as its owner likes, while a room goes on. Not here: the screen (line_editor.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace headrace::tool {

/// The newest lines, so many bytes of them at most. Thread-safe.
class WaitingLines {
 public:
  explicit WaitingLines(std::size_t most) noexcept : most_{most} {}

  /// The oldest go where there is no room for all; the newest one is always kept.
  void put(std::string line);
  /// All of them; before them, if some have gone, a line that says how many.
  [[nodiscard]] std::deque<std::string> take();

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::deque<std::string> lines_;
  std::size_t size_ = 0;
  std::uint64_t gone_ = 0;
};

}  // namespace headrace::tool
