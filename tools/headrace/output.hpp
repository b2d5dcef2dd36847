// SPDX-License-Identifier: MIT
//
// The two ends of a command that only prints: data on stdout, one line of complaint on stderr.
#pragma once

#include <string_view>

namespace headrace::tool {

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

/// Writes `text` to stdout. The exit status: 0, or 1 (and a line on stderr) when it did not all get
/// there.
[[nodiscard]] int print(std::string_view text);

/// Writes `text`, a page of help that nobody asked for, to stderr; returns 2.
[[nodiscard]] int print_usage(std::string_view text);

/// Writes "headrace: `sentence`" to stderr and returns `status`. The sentence is escaped: it may
/// quote an argument.
[[nodiscard]] int complain(std::string_view sentence, int status);

}  // namespace headrace::tool
