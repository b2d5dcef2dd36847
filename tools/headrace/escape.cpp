// SPDX-License-Identifier: MIT
//
// Escaping: decode one character, decide how it is shown, stop at the edge of the line.
//
// Not here: other encodings (bytes that are no UTF-8 are shown one by one), and which characters
// are unsafe (src/text/characters.cpp).
#include "escape.hpp"

#include <array>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "text/characters.hpp"

namespace headrace::tool {

namespace {

struct Range {
  char32_t first, last;
};

constexpr std::array kCombining{
    Range{0x300, 0x36F},   Range{0x483, 0x489},   Range{0x591, 0x5BD},   Range{0x610, 0x61A},
    Range{0x64B, 0x65F},   Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x200C, 0x200D},
    Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}, Range{0xE0100, 0xE01EF},
};

// East Asian Width W and F in coarse ranges: a few narrow characters inside them count as wide.
constexpr std::array kWide{
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x2329, 0x232A},
    Range{0x23E9, 0x23F3},   Range{0x25FD, 0x25FE},   Range{0x2600, 0x27BF},
    Range{0x2B1B, 0x2B55},   Range{0x2E80, 0xA4CF},   Range{0xA960, 0xA97C},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE10, 0xFE19},
    Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},
    Range{0x16FE0, 0x18AFF}, Range{0x1AFF0, 0x1B2FF}, Range{0x1F004, 0x1FAFF},
    Range{0x20000, 0x3FFFD},
};

bool is_in(char32_t character, std::span<const Range> ranges) noexcept {
  for (const Range range : ranges)
    if (character >= range.first && character <= range.last) return true;
  return false;
}

struct Shown {
  std::string text;
  std::size_t columns;
  std::size_t taken;  // bytes of the source
};

Shown as_ascii(std::string text, std::size_t taken) {
  const std::size_t columns = text.size();
  return {std::move(text), columns, taken};
}

Shown show_front(std::string_view bytes) {
  const auto [character, size] = text::decode(bytes);
  if (size == 0) return as_ascii(fmt::format("\\x{:02x}", static_cast<std::uint8_t>(bytes[0])), 1);
  switch (character) {
    case '\n':
      return as_ascii("\\n", 1);
    case '\r':
      return as_ascii("\\r", 1);
    case '\t':
      return as_ascii("\\t", 1);
    case '\\':
      return as_ascii("\\\\", 1);
    default:
      break;
  }
  if (character < 0x20 || character == 0x7F)
    return as_ascii(fmt::format("\\x{:02x}", static_cast<unsigned>(character)), 1);
  if (text::is_unsafe(character))
    return as_ascii(fmt::format("\\u{{{:X}}}", static_cast<unsigned>(character)), size);
  return {std::string{bytes.substr(0, size)}, display_width(character), size};
}

}  // namespace

std::size_t display_width(char32_t character) noexcept {
  if (character < 0x300) return 1;
  if (is_in(character, kCombining)) return 0;
  return is_in(character, kWide) ? 2 : 1;
}

std::string escaped(std::string_view bytes) {
  std::string line;
  line.reserve(bytes.size());
  while (!bytes.empty()) {
    const Shown shown = show_front(bytes);
    line += shown.text;
    bytes.remove_prefix(shown.taken);
  }
  return line;
}

std::string escaped_line(std::string_view bytes, std::size_t columns) {
  constexpr std::string_view kEllipsis = "…";
  const std::size_t most_bytes =
      4 * columns;  // marks have no width: without this, a pile of them has no end
  std::string line;
  std::size_t used = 0;
  std::size_t room_for_ellipsis = 0;  // where to cut so that the ellipsis still fits
  while (!bytes.empty()) {
    const Shown shown = show_front(bytes);
    if (used + shown.columns > columns || line.size() + shown.text.size() > most_bytes) {
      line.resize(room_for_ellipsis);
      return columns == 0 ? line : line + std::string{kEllipsis};
    }
    line += shown.text;
    used += shown.columns;
    if (used < columns) room_for_ellipsis = line.size();
    bytes.remove_prefix(shown.taken);
  }
  return line;
}

}  // namespace headrace::tool
