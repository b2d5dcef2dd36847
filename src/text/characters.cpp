// SPDX-License-Identifier: MIT
//
// The tables of what is unsafe and what is blank, and the decoder.
#include "text/characters.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace headrace::text {

namespace {

struct Range {
  char32_t first, last;
};

constexpr std::array kUnsafe{
    Range{0x0, 0x1F},         // C0
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

constexpr std::array kBlank{
    Range{0x20, 0x20},       Range{0xA0, 0xA0},     Range{0xAD, 0xAD},     Range{0x34F, 0x34F},
    Range{0x115F, 0x1160},   Range{0x1680, 0x1680}, Range{0x17B4, 0x17B5}, Range{0x180B, 0x180F},
    Range{0x2000, 0x200D},   Range{0x202F, 0x202F}, Range{0x205F, 0x205F}, Range{0x2800, 0x2800},
    Range{0x3000, 0x3000},   Range{0x3164, 0x3164}, Range{0xFE00, 0xFE0F}, Range{0xFFA0, 0xFFA0},
    Range{0xE0100, 0xE01EF},
};

bool is_in(char32_t character, std::span<const Range> ranges) noexcept {
  for (const Range range : ranges)
    if (character >= range.first && character <= range.last) return true;
  return false;
}

}  // namespace

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

void append(std::string& to, char32_t character) {
  const auto put = [&](char32_t byte) { to += static_cast<char>(byte); };
  const auto rest = [&](unsigned shift) { put(0x80 | ((character >> shift) & 0x3F)); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      put(0xE0 | character >> 12);
    } else {
      put(0xF0 | character >> 18);
      rest(12);
    }
    rest(6);
  }
  rest(0);
}

bool is_unsafe(char32_t character) noexcept { return is_in(character, kUnsafe); }

bool is_blank(char32_t character) noexcept {
  return is_in(character, kBlank) || is_unsafe(character);
}

}  // namespace headrace::text
