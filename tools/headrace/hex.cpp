// SPDX-License-Identifier: MIT
//
// Hexadecimal digits. Strict where a slip would change bytes silently: a byte has two digits, so
// "1 23" is refused and not guessed at.
#include "hex.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

namespace headrace::tool {

namespace {

constexpr std::string_view kBetween = " \t\r\n:-,";
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kBytesInLine = 16;
constexpr std::size_t kHalf = kBytesInLine / 2;
constexpr int kNoDigit = -1;

int value_of(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return kNoDigit;
}

// "character 7 of the hexadecimal digits is 'g': ..." without quoting what may be 128 KiB.
std::unexpected<std::string> wrong_at(std::size_t place, std::string_view text) {
  if (place >= text.size() || kBetween.contains(text[place]))
    return std::unexpected(
        fmt::format("a byte has two hexadecimal digits; that at place {} has one", place));
  return std::unexpected(fmt::format("'{}' at place {} is no hexadecimal digit; write 48 65 6c",
                                     text.substr(place, 1), place + 1));
}

void append_line(std::string& lines, std::size_t offset, std::string_view bytes) {
  fmt::format_to(std::back_inserter(lines), "  {:08x} ", offset);
  for (std::size_t i = 0; i < kBytesInLine; ++i) {
    if (i == kHalf) lines += ' ';
    if (i < bytes.size())
      fmt::format_to(std::back_inserter(lines), " {:02x}", static_cast<std::uint8_t>(bytes[i]));
    else
      lines += "   ";
  }
  lines += "  |";
  for (const char byte : bytes) lines += byte >= ' ' && byte <= '~' ? byte : '.';
  lines += "|\n";
}

}  // namespace

Parsed<std::string> parse_hex(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size();) {
    if (kBetween.contains(text[at])) {
      ++at;
      continue;
    }
    if (text.substr(at, 2) == "0x" || text.substr(at, 2) == "0X") at += 2;
    const int high = at < text.size() ? value_of(text[at]) : kNoDigit;
    if (high == kNoDigit) return wrong_at(at, text);
    const int low = at + 1 < text.size() ? value_of(text[at + 1]) : kNoDigit;
    if (low == kNoDigit) return wrong_at(at + 1, text);
    bytes += static_cast<char>(high << 4 | low);
    at += 2;
  }
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto value = static_cast<std::uint8_t>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xFU];
  }
  return text;
}

std::string hex_dump(std::string_view bytes) {
  std::string lines;
  for (std::size_t offset = 0; offset < bytes.size(); offset += kBytesInLine)
    append_line(lines, offset, bytes.substr(offset, kBytesInLine));
  return lines;
}

}  // namespace headrace::tool
