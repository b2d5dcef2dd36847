// SPDX-License-Identifier: MIT
//
// What a name may be made of, and which names are the same one.
#include "services/chat/names.hpp"

#include "text/characters.hpp"

namespace headrace::chat {

namespace {

/// What the hub itself writes around names, and what begins a command.
constexpr std::string_view kReserved = "<>*/,:\"'`[]";

/// Accents that stand by themselves: what they are put on exists as one character, which looks the
/// same.
constexpr bool is_loose_accent(char32_t character) noexcept {
  return (character >= 0x300 && character <= 0x36F) || (character >= 0x1AB0 && character <= 0x1AFF);
}

/// Letters whose lower case is a fixed distance away: Latin, Greek, Cyrillic, Armenian.
char32_t lower(char32_t character) noexcept {
  const auto within = [&](char32_t first, char32_t last) {
    return character >= first && character <= last;
  };
  if (within(0xFF01, 0xFF5E)) return lower(character - 0xFF01 + '!');  // full-width ASCII
  if (within('A', 'Z')) return character + 0x20;
  if (within(0xC0, 0xDE) && character != 0xD7) return character + 0x20;
  if (within(0x100, 0x137) || within(0x14A, 0x177) || within(0x460, 0x481) ||
      within(0x48A, 0x4BF) || within(0x4D0, 0x52F) || within(0x1E00, 0x1E95) ||
      within(0x1EA0, 0x1EFF))
    return character | 1;  // pairs, the capital first
  if (within(0x391, 0x3A9)) return character + 0x20;
  if (character == 0x3C2) return 0x3C3;  // final sigma
  if (within(0x410, 0x42F)) return character + 0x20;
  if (within(0x400, 0x40F)) return character + 0x50;
  if (within(0x531, 0x556)) return character + 0x30;
  return character;
}

}  // namespace

std::string_view why_not_a_name(std::string_view name) noexcept {
  if (name.empty()) return "is empty";
  if (name.front() == '-') return "begins with '-', as the lines of the server do";
  std::size_t length = 0;
  while (!name.empty()) {
    const auto [character, size] = text::decode(name);
    if (size == 0 || character == text::kReplacement) return "has bytes that are no text";
    if (text::is_blank(character)) return "has white space or a character that is not seen in it";
    // What hid something has been escaped before it comes here.
    if (character == '\\') return "has a backslash or a character that is not seen in it";
    if (is_loose_accent(character)) return "has an accent apart from its letter in it";
    const char32_t narrow =
        character >= 0xFF01 && character <= 0xFF5E ? character - 0xFF01 + '!' : character;
    if (narrow < 0x80 && kReserved.find(static_cast<char>(narrow)) != kReserved.npos)
      return "has one of < > * / , : [ ] or a quotation mark in it";
    if (++length > kLongestName) return "is longer than 32 characters";
    name.remove_prefix(size);
  }
  return "";
}

std::string key_of(std::string_view name) {
  std::string key;
  while (!name.empty()) {
    const auto [character, size] = text::decode(name);
    text::append(key, lower(character));
    name.remove_prefix(size == 0 ? 1 : size);
  }
  return key;
}

}  // namespace headrace::chat
