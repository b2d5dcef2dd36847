// SPDX-License-Identifier: MIT
//
// Escaping: decode one character, decide how it is shown, stop at the edge of the line.
//
// The decoder follows table 3-7 of the Unicode standard (no overlong forms, no surrogates, nothing
// above U+10FFFF). Not here: other encodings; bytes that are no UTF-8 are shown one by one.
#include "escape.hpp"

#include <array>
#include <cstdint>
#include <span>

#include <fmt/format.h>

namespace headrace::tool {

namespace {

struct Range {
  char32_t first, last;
};

// Invisible, or steering: never shown as they are.
constexpr std::array kUnsafe{
    Range{0x7F, 0x9F},        // DEL and C1: U+009B is CSI
    Range{0x61C, 0x61C},      // Arabic letter mark
    Range{0x180E, 0x180E},    // Mongolian vowel separator
    Range{0x200B, 0x200B},    // zero width space
    Range{0x200E, 0x200F},    // left-to-right and right-to-left mark
    Range{0x2028, 0x202E},    // line and paragraph separator, bidi embeddings and overrides
    Range{0x2060, 0x206F},    // word joiner, invisible operators, bidi isolates
    Range{0xFDD0, 0xFDEF},    // noncharacters
    Range{0xFEFF, 0xFEFF},    // byte order mark
    Range{0xFFF9, 0xFFFB},    // interlinear annotation
    Range{0xFFFE, 0xFFFF},    // noncharacters
    Range{0xE0000, 0xE007F},  // tags: text that nobody sees
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

struct Decoded {
  char32_t character;
  std::size_t size;  // in bytes; 0: the first byte does not begin a character
};

// The character at the front of `bytes`, which is not empty.
Decoded decode(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4) return {0, 0};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes.size() < size) return {0, 0};
  const std::uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < lowest || at(1) > highest) return {0, 0};
  char32_t character = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return {0, 0};
    character = character << 6 | (at(i) & 0x3FU);
  }
  return {character, size};
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
  const auto [character, size] = decode(bytes);
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
  if (is_in(character, kUnsafe))
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
