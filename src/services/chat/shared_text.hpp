// SPDX-License-Identifier: MIT
//
// SharedText: lines on their way to members. All who are at the same place of a room share one, so
// what has to be done with it is done once: it is joined once, and converted once for each encoding
// that any of them speaks. Not here: which lines it has (room.cpp).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "headrace/transcoder.hpp"

namespace headrace::chat {

/// Whole lines, which never change. Thread-safe.
class SharedText {
 public:
  explicit SharedText(std::string utf8) noexcept : utf8_{std::move(utf8)} {}

  [[nodiscard]] const std::string& utf8() const noexcept { return utf8_; }
  /// The same in `encoding`, for which can_be_joined(to). `to` converts from UTF-8, and is used
  /// only where nobody has asked for that encoding before. Valid as long as this.
  [[nodiscard]] const std::string& in(std::string_view encoding, Transcoder& to) const;

 private:
  const std::string utf8_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::string, std::less<>> encoded_;  // an entry never moves
};

/// Whether texts that `to` has converted, each to its end, are one text when they follow each
/// other. Not where each would begin with a mark, as UTF-16 does. `to` is as good as new
/// afterwards.
[[nodiscard]] bool can_be_joined(Transcoder& to);

}  // namespace headrace::chat
