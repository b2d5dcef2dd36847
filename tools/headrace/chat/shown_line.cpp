// SPDX-License-Identifier: MIT
//
// Time, colour and safety of one line.
#include "chat/shown_line.hpp"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "services/chat/lines.hpp"
#include "services/chat/names.hpp"

namespace headrace::tool {

namespace {

constexpr std::size_t kHistoryTime = 22;  // "[2026-11-22 08:42:10] "

/// Bright enough on black and dark enough on white. The same nick has the same one everywhere.
int colour_of(std::string_view nick) noexcept {
  constexpr std::array kColours{31, 32, 33, 34, 35, 36};
  std::uint32_t sum = 2166136261U;
  for (const char byte : nick) sum = (sum ^ static_cast<std::uint8_t>(byte)) * 16777619U;
  return kColours[sum % kColours.size()];
}

std::string_view after_time(std::string_view line) noexcept {
  return line.starts_with('[') && line.size() > kHistoryTime && line[kHistoryTime - 2] == ']'
             ? line.substr(kHistoryTime)
             : line;
}

}  // namespace

std::string_view nick_in(std::string_view line) noexcept {
  line = after_time(line);
  std::string_view nick;
  if (line.starts_with('<'))
    nick = line.substr(1, line.find_first_of("> ", 1) - 1);
  else if (line.starts_with("* "))
    nick = line.substr(2, line.find(' ', 2) - 2);
  else if (line.starts_with("-- ") && line.ends_with(" is here"))
    nick = line.substr(3, line.size() - 11);
  return chat::why_not_a_name(nick).empty() ? nick : std::string_view{};
}

std::string shown_line(std::string_view line, std::string_view time, Colours colours) {
  std::uint64_t invalid = 0;
  const std::string safe = chat::made_safe(line, invalid);
  const std::string_view rest = after_time(safe);
  const bool is_history = rest.size() != safe.size();
  const std::string_view when =
      is_history ? std::string_view{safe}.substr(0, kHistoryTime - 1) : time;
  if (colours == Colours::no) return fmt::format("{} {}", when, rest);
  if (rest.starts_with("-- ")) return fmt::format("\x1b[2m{} {}\x1b[0m", when, rest);
  const std::string_view nick = nick_in(rest);
  if (nick.empty()) return fmt::format("\x1b[2m{}\x1b[0m {}", when, rest);
  const auto begin = static_cast<std::size_t>(nick.data() - rest.data());
  return fmt::format("\x1b[2m{}\x1b[0m {}\x1b[{}m{}\x1b[0m{}", when, rest.substr(0, begin),
                     colour_of(nick), nick, rest.substr(begin + nick.size()));
}

}  // namespace headrace::tool
