// SPDX-License-Identifier: MIT
//
// Bytes as hexadecimal digits: read as people write them, shown as a dump.
#pragma once

#include <string>
#include <string_view>

#include "units.hpp"

namespace headrace::tool {

/// The bytes of pairs of digits, "48656c6c6f" or "48 65:6c-6c,0x6f". Blanks, ':', '-' and ',' may
/// stand between bytes, never within one; "0x" before a byte.
[[nodiscard]] Parsed<std::string> parse_hex(std::string_view text);

/// "48656c6c6f".
[[nodiscard]] std::string to_hex(std::string_view bytes);

/// 16 bytes a line, as digits and as ASCII where they are such; whole lines, none for no bytes:
/// "  00000000  48 65 6c 6c 6f 0a                                 |Hello.|".
[[nodiscard]] std::string hex_dump(std::string_view bytes);

}  // namespace headrace::tool
