// SPDX-License-Identifier: MIT
//
// A bounded queue of lines, emptied at once.
#include "chat/waiting_lines.hpp"

#include <utility>

#include <fmt/format.h>

#include "units.hpp"

namespace headrace::tool {

void WaitingLines::put(std::string line) {
  const std::lock_guard lock{mutex_};
  size_ += line.size();
  lines_.push_back(std::move(line));
  for (; size_ > most_ && lines_.size() > 1; ++gone_) {
    size_ -= lines_.front().size();
    lines_.pop_front();
  }
}

std::deque<std::string> WaitingLines::take() {
  const std::lock_guard lock{mutex_};
  auto lines = std::exchange(lines_, {});
  size_ = 0;
  if (const std::uint64_t gone = std::exchange(gone_, 0); gone != 0)
    lines.push_front(
        fmt::format("-- ... {} not shown: the terminal was stopped", counted(gone, "line")));
  return lines;
}

}  // namespace headrace::tool
