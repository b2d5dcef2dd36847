// SPDX-License-Identifier: MIT
//
// Writing and reading a line of a room: the head, then one of the three bodies.
#include "chat/room_line.hpp"

#include <charconv>

#include <fmt/format.h>

#include "services/chat/names.hpp"

namespace headrace::tool {

namespace {

constexpr std::uint64_t kHighest = 1'000'000'000'000;
constexpr std::size_t kSenderDigits = 8;

/// Takes `beginning` off; false where it is not there.
bool take(std::string_view& text, std::string_view beginning) noexcept {
  if (!text.starts_with(beginning)) return false;
  text.remove_prefix(beginning.size());
  return true;
}

/// Takes a number off; exactly `digits` of them, or any number.
template <class Number>
bool take_number(std::string_view& text, Number& number, int base,
                 std::size_t digits = 0) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  const auto size = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || (digits != 0 && size != digits)) return false;
  const bool is_as_written = base == 16 ? text.substr(0, size).find_first_of("ABCDEF") == text.npos
                                        : !text.starts_with('0');
  text.remove_prefix(size);
  return is_as_written;
}

/// Takes a nick and what follows it off.
bool take_nick(std::string_view& text, std::string_view& nick, std::string_view behind) {
  const std::size_t end = text.find(behind);
  if (end == text.npos) return false;
  nick = text.substr(0, end);
  text.remove_prefix(end + behind.size());
  return chat::why_not_a_name(nick).empty();
}

bool is_notice(std::string_view text) {
  if (text == kIsHere || text == kHasLeft) return true;
  return take(text, kIsNow) && chat::why_not_a_name(text).empty();
}

}  // namespace

std::string body_of(const RoomLine& line, std::string_view nick) {
  switch (line.kind) {
    case RoomLine::Kind::did:
      return fmt::format("* {} {}", nick, line.text);
    case RoomLine::Kind::notice:
      return fmt::format("-- {} {}", nick, line.text);
    case RoomLine::Kind::said:
      break;
  }
  return fmt::format("<{}> {}", nick, line.text);
}

std::string to_text(const RoomLine& line) {
  return fmt::format("#{:08x} {} {}\n", line.sender, line.number, body_of(line, line.nick));
}

std::optional<RoomLine> parse_room_line(std::string_view text) {
  RoomLine line;
  if (!take(text, "#") || !take_number(text, line.sender, 16, kSenderDigits)) return {};
  if (!take(text, " ") || !take_number(text, line.number, 10) || !take(text, " ")) return {};
  if (line.number == 0 || line.number > kHighest) return {};
  const std::string_view behind = text.starts_with('<') ? "> " : " ";
  line.kind = text.starts_with('<')   ? RoomLine::Kind::said
              : text.starts_with("*") ? RoomLine::Kind::did
                                      : RoomLine::Kind::notice;
  if (!take(text, "<") && !take(text, "* ") && !take(text, "-- ")) return {};
  if (!take_nick(text, line.nick, behind)) return {};
  line.text = text;
  if (line.kind == RoomLine::Kind::notice && !is_notice(text)) return {};
  return line;
}

}  // namespace headrace::tool
