// SPDX-License-Identifier: MIT
//
// A peer's bytes as they may be shown on a terminal: nothing a peer sends can move the cursor,
// change a colour, forge a log line or turn the reading direction.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headrace::tool {

/// Valid UTF-8 as it is; everything else readable and unambiguous.
///
/// `\n`, `\r`, `\t` and `\\` by name; other control characters and bytes that are no UTF-8 as
/// `\x1b`; characters that are invisible or steer the terminal or the reading direction (C1, bidi
/// controls, line separators) as `\u{202E}`.
[[nodiscard]] std::string escaped(std::string_view bytes);

/// The same on at most `columns` columns of a terminal; what was cut is marked by an ellipsis in
/// the last column. An escape is never cut in its middle. Looks only at as many bytes as can be
/// shown.
[[nodiscard]] std::string escaped_line(std::string_view bytes, std::size_t columns);

/// Columns a terminal uses for `character`: 2 for wide ones (CJK, emoji), 0 for combining marks.
/// When in doubt, more.
[[nodiscard]] std::size_t display_width(char32_t character) noexcept;

}  // namespace headrace::tool
