// SPDX-License-Identifier: MIT
//
// Every text drawn is ours or printable ASCII, so a character takes a column.
#include "watch/canvas.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace headrace::watch {

namespace {

constexpr std::array<std::string_view, 8> kStyles{"\x1b[0m",    "\x1b[0;2m",  "\x1b[0;1m",
                                                  "\x1b[0;32m", "\x1b[0;36m", "\x1b[0;33m",
                                                  "\x1b[0;31m", "\x1b[0;7m"};

// The next character of well-formed UTF-8.
char32_t take(std::string_view& text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  auto character = static_cast<char32_t>(size == 1 ? first : first & (0xFFU >> (size + 1)));
  for (std::size_t i = 1; i < std::min(size, text.size()); ++i)
    character = character << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(std::min(size, text.size()));
  return character;
}

std::size_t length(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

void append(std::string& to, char32_t character) {
  const auto byte = [&](char32_t bits) {
    to += static_cast<char>(static_cast<unsigned char>(bits));
  };
  if (character < 0x80) return byte(character);
  if (character < 0x800) {
    byte(0xC0U | character >> 6U);
  } else {
    byte(0xE0U | character >> 12U);
    byte(0x80U | (character >> 6U & 0x3FU));
  }
  byte(0x80U | (character & 0x3FU));
}

// For terminals without box drawing.
char32_t plain(char32_t character) noexcept {
  switch (character) {
    case U'─':
      return U'-';
    case U'│':
      return U'|';
    case U'▶':
      return U'>';
    case U'◀':
      return U'<';
    case U'▼':
      return U'v';
    case U'…':
      return U'~';
    default:
      return character < 0x80 ? character : U'+';
  }
}

}  // namespace

Canvas::Canvas(std::size_t columns, std::size_t rows)
    : columns_{columns}, rows_{rows}, cells_(columns * rows) {}

std::size_t Canvas::put(std::size_t column, std::size_t row, std::string_view text, Style style) {
  if (row >= rows_) return column;
  for (; !text.empty() && column < columns_; ++column) at(column, row) = {take(text), style};
  return column;
}

void Canvas::put_field(std::size_t column, std::size_t row, std::size_t width,
                       std::string_view text, Style style) {
  if (width == 0) return;
  if (length(text) <= width) {
    put(column, row, text, style);
    return;
  }
  for (std::size_t i = 0; i + 1 < width; ++i)
    if (row < rows_ && column + i < columns_) at(column + i, row) = {take(text), style};
  put(column + width - 1, row, "…", style);
}

void Canvas::put_right(std::size_t column, std::size_t row, std::size_t width,
                       std::string_view text, Style style) {
  const std::size_t used = std::min(width, length(text));
  put_field(column + width - used, row, used, text, style);
}

void Canvas::paint(std::size_t row, Style style) {
  for (std::size_t column = 0; row < rows_ && column < columns_; ++column)
    at(column, row).style = style;
}

std::size_t Canvas::used_columns(std::size_t row) const noexcept {
  std::size_t used = columns_;
  while (used > 0 && cells_[row * columns_ + used - 1].character == U' ' &&
         cells_[row * columns_ + used - 1].style != Style::heading)
    --used;
  return used;
}

std::string Canvas::frame(const Looks& looks) const {
  std::string bytes = "\x1b[H";
  for (std::size_t row = 0; row < rows_; ++row) {
    Style current = Style::plain;
    const std::size_t used = used_columns(row);
    for (std::size_t column = 0; column < used; ++column) {
      const Cell& cell = cells_[row * columns_ + column];
      if (looks.colour && cell.style != current)
        bytes += kStyles.at(static_cast<std::size_t>(cell.style));
      current = cell.style;
      append(bytes, looks.lines ? cell.character : plain(cell.character));
    }
    if (looks.colour && current != Style::plain) bytes += kStyles.front();
    if (used < columns_) bytes += "\x1b[K";
    if (row + 1 < rows_) bytes += "\r\n";
  }
  return bytes;
}

}  // namespace headrace::watch
