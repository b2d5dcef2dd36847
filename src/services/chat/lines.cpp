// SPDX-License-Identifier: MIT
//
// Cutting lines, and making them safe.
#include "services/chat/lines.hpp"

#include <array>
#include <charconv>

#include "text/characters.hpp"

namespace headrace::chat {

void LineReader::add(std::string_view bytes) {
  if (skipping_ && bytes.find('\n') == bytes.npos) return;  // nothing of it will be wanted
  bytes_.append(bytes);
}

std::optional<LineReader::Line> LineReader::next() {
  const std::size_t newline = bytes_.find('\n', searched_);
  if (newline == std::string::npos) {
    if (begin_ == bytes_.size()) {
      bytes_ = {};  // somebody who is silent holds no memory
    } else {
      bytes_.erase(0, begin_);
    }
    begin_ = 0;
    searched_ = bytes_.size();
    if (bytes_.size() <= longest_ + 1) return std::nullopt;  // perhaps a '\r' is among them
    skipping_ = true;
    bytes_ = {};
    searched_ = 0;
    return std::nullopt;
  }
  std::string_view text = std::string_view{bytes_}.substr(begin_, newline - begin_);
  begin_ = searched_ = newline + 1;
  if (text.ends_with('\r')) text.remove_suffix(1);
  const bool too_long = skipping_ || text.size() > longest_;
  skipping_ = false;
  return Line{.text = too_long ? std::string_view{} : text, .too_long = too_long};
}

namespace {

void append_escaped(std::string& to, char32_t character) {
  switch (character) {
    case '\t':
      to += "\\t";
      return;
    case '\r':
      to += "\\r";
      return;
    default:
      break;
  }
  std::array<char, 8> digits{};
  char* const end =
      std::to_chars(digits.begin(), digits.end(), static_cast<unsigned>(character), 16).ptr;
  const std::string_view number{digits.data(), static_cast<std::size_t>(end - digits.data())};
  if (character < 0x80) {
    to.append("\\x").append(number.size() == 1 ? "0" : "").append(number);
    return;
  }
  to.append("\\u{");
  for (const char digit : number) to += digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
  to += '}';
}

/// How many bytes at the front are printable ASCII, which most lines are all of: found sixteen at a
/// time, since looking up each character in the tables cost more than all else about a line.
std::size_t plain_bytes(std::string_view text) noexcept {
  constexpr std::size_t kAtOnce = 16;
  const auto is_plain = [&](std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    return byte >= 0x20 && byte < 0x7F;
  };
  std::size_t plain = 0;
  for (bool all = true; all && plain + kAtOnce <= text.size();) {
    for (std::size_t at = plain; at < plain + kAtOnce; ++at) all &= is_plain(at);
    if (all) plain += kAtOnce;
  }
  while (plain < text.size() && is_plain(plain)) ++plain;
  return plain;
}

}  // namespace

std::string made_safe(std::string_view line, std::uint64_t& invalid) {
  std::string safe;
  safe.reserve(line.size());
  while (!line.empty()) {
    if (const std::size_t plain = plain_bytes(line); plain != 0) {
      safe.append(line.substr(0, plain));
      line.remove_prefix(plain);
      continue;
    }
    const auto [character, size] = text::decode(line);
    if (size == 0) {
      ++invalid;
      text::append(safe, text::kReplacement);
    } else if (text::is_unsafe(character)) {
      append_escaped(safe, character);
    } else {
      safe.append(line.substr(0, size));
    }
    line.remove_prefix(size == 0 ? 1 : size);
  }
  return safe;
}

}  // namespace headrace::chat
