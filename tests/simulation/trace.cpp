// SPDX-License-Identifier: MIT
//
// Lines are numbers until somebody reads them.
#include "trace.hpp"

#include <cstdio>

namespace headrace::simulation {

void Trace::note(std::int64_t now, const char* what, std::int64_t whom, std::int64_t first,
                 std::int64_t second) noexcept {
  Line& line = lines_[count_++ % kKept];
  line = {now, what, whom, first, second};
  for (const std::int64_t number : {now, whom, first, second})
    sum_ = (sum_ ^ static_cast<std::uint64_t>(number)) * 0x100000001B3U;
  sum_ = (sum_ ^ static_cast<std::uint64_t>(what[0])) * 0x100000001B3U;
  if (follows_) std::fputs(text_of(line).c_str(), stdout);
}

std::string Trace::text_of(const Line& line) {
  std::array<char, 128> text{};
  const int size = std::snprintf(text.data(), text.size(), "%14.6f ms  %-22s %5jd  %8jd  -> %jd\n",
                                 static_cast<double>(line.now) / 1e6, line.what, line.whom,
                                 line.first, line.second);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string Trace::latest() const {
  std::string all;
  for (std::uint64_t at = count_ < kKept ? 0 : count_ - kKept; at < count_; ++at)
    all += text_of(lines_[at % kKept]);
  return all;
}

}  // namespace headrace::simulation
