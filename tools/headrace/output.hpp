// SPDX-License-Identifier: MIT
//
// The two ends of a command that only prints: data on stdout, one line of complaint on stderr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headrace::tool {

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

/// Writes `text` to stdout. The exit status: 0, or 1 (and a line on stderr) when it did not all get
/// there.
[[nodiscard]] int print(std::string_view text);

/// Columns of the terminal that stdout is; 80 where it is none.
[[nodiscard]] std::size_t columns_of_stdout() noexcept;

/// `text` in lines of at most `columns`, broken between words; the first begins behind `indent`
/// spaces, the others two further. A word longer than that stands by itself.
[[nodiscard]] std::string paragraph(std::string_view text, std::size_t indent, std::size_t columns);

/// Writes `text`, a page of help that nobody asked for, to stderr; returns 2.
[[nodiscard]] int print_usage(std::string_view text);

/// Writes "headrace: `sentence`" to stderr and returns `status`. The sentence is escaped: it may
/// quote an argument.
[[nodiscard]] int complain(std::string_view sentence, int status);

}  // namespace headrace::tool
