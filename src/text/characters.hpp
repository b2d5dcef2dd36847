// SPDX-License-Identifier: MIT
//
// Characters of UTF-8 text that came from somebody else: where each ends, and whether it is safe to
// show. Not here: other encodings, and how an unsafe character is shown instead (whoever shows it).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headrace::text {

inline constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t character;
  std::size_t size;  // in bytes; 0: the first byte does not begin a character
};

/// The character at the front of `bytes`, which is not empty: table 3-7 of the Unicode standard (no
/// overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] Decoded decode(std::string_view bytes) noexcept;

/// Appends `character` as UTF-8.
void append(std::string& to, char32_t character);

/// Control characters (C0, DEL, C1), and those that are invisible or steer the terminal or the
/// reading direction: never shown as they are.
[[nodiscard]] bool is_unsafe(char32_t character) noexcept;

/// White space of any script, or a character that leaves no mark of its own where it stands: a name
/// with one in it could pass for another.
[[nodiscard]] bool is_blank(char32_t character) noexcept;

}  // namespace headrace::text
