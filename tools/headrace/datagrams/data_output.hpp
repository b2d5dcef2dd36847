// SPDX-License-Identifier: MIT
//
// DataOutput: stdout of a command that must still notice Ctrl-C while whoever reads it is slow.
#pragma once

#include <string_view>

#include "headrace/result.hpp"

namespace headrace::tool {

/// Writes at once what it is given, so that a reader sees each datagram as it comes. SIGPIPE must
/// be ignored.
class DataOutput {
 public:
  /// Gives up on a reader who takes nothing once `stop` is readable; -1: never. Borrows it.
  explicit DataOutput(int stop = -1) noexcept : stop_{stop} {}

  /// All of `text`, or why not: `canceled` when told to stop, `broken_pipe` when the reader left.
  [[nodiscard]] Result<> write(std::string_view text) const;

 private:
  int stop_;
};

/// Writes what is wrong with stdout to stderr; nothing for `canceled`. The exit status, 1.
[[nodiscard]] int complain_about_output(const Failure& failure);

}  // namespace headrace::tool
