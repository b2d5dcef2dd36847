// SPDX-License-Identifier: MIT
//
// Lines: a piece at a time, ends anywhere.
#include "datagrams/line_splitter.hpp"

#include <algorithm>
#include <utility>

namespace headrace::tool {

void LineSplitter::feed(std::string_view bytes) {
  fed_.assign(bytes);
  taken_ = 0;
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  const std::string_view rest = std::string_view{fed_}.substr(taken_);
  const std::size_t newline = rest.find('\n');
  const std::string_view piece = rest.substr(0, newline);
  begun_.text += piece.substr(0, longest_ - begun_.text.size());
  begun_.size += piece.size();
  taken_ += piece.size();
  if (newline != std::string_view::npos) {
    ++taken_;
    return std::exchange(begun_, {});
  }
  if (ended_ && begun_.size > 0) return std::exchange(begun_, {});
  return std::nullopt;
}

}  // namespace headrace::tool
