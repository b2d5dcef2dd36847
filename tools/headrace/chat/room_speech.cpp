// SPDX-License-Identifier: MIT
//
// What a member of a room without a server says, and what it makes of what it hears.
#include "chat/room_speech.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "services/chat/lines.hpp"
#include "services/chat/names.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

using Kind = RoomLine::Kind;

std::string safe(std::string_view text) {
  std::uint64_t invalid = 0;  // counted by whoever decodes
  return chat::made_safe(text, invalid);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::uint64_t> HeardNumbers::note(std::uint64_t number) noexcept {
  constexpr std::uint64_t kWindow = 64;
  if (number > highest_) {
    const std::uint64_t steps = number - highest_;
    const bool is_first = highest_ == 0;  // what was said before we came is nobody's loss
    seen_ = (steps < kWindow ? seen_ << steps : 0) | 1;
    highest_ = number;
    return is_first ? 0 : steps - 1;
  }
  const std::uint64_t age = highest_ - number;
  if (age >= kWindow || (seen_ >> age & 1) != 0) return std::nullopt;
  seen_ |= std::uint64_t{1} << age;
  return 0;
}

RoomSpeech::RoomSpeech(std::uint32_t id, std::string nick) : id_{id}, nick_{std::move(nick)} {
  owners_.emplace(chat::key_of(nick_), "");
}

// Saying.

std::string RoomSpeech::line(Kind kind, std::string_view text) {
  return to_text({.sender = id_, .number = ++number_, .kind = kind, .nick = nick_, .text = text});
}

std::optional<std::string> RoomSpeech::hello() { return line(Kind::notice, kIsHere); }

std::optional<std::string> RoomSpeech::good_bye() { return line(Kind::notice, kHasLeft); }

Speech::Saying RoomSpeech::say(std::string_view typed) {
  const std::string text = safe(typed);
  if (trimmed(text).empty()) return {};
  if (!text.starts_with('/')) return {.send = line(Kind::said, text)};
  if (text.starts_with("//")) return {.send = line(Kind::said, std::string_view{text}.substr(1))};
  const std::string_view word = std::string_view{text}.substr(0, text.find(' '));
  return command(word, trimmed(std::string_view{text}.substr(word.size())));
}

Speech::Saying RoomSpeech::command(std::string_view word, std::string_view rest) {
  if (word == "/quit") return {.ends = true};
  if (word == "/nick") return change_nick(rest);
  if (word == "/who") return {.show = {who()}};
  if (word == "/me") {
    if (rest.empty()) return {.show = {"-- /me WHAT YOU DO"}};
    return {.send = line(Kind::did, rest)};
  }
  if (word == "/help")
    return {.show = {"-- Type a line, and everybody in the room reads it. Commands:",
                     "--   /nick NICK   another name   /me TEXT   what you do",
                     "--   /who         who was heard  /quit      leave",
                     "--   //TEXT       say a line that begins with /"}};
  return {.show = {fmt::format("-- no command is called {} in a room without a server; try /help",
                               word)}};
}

Speech::Saying RoomSpeech::change_nick(std::string_view nick) {
  if (const auto wrong = chat::why_not_a_name(nick); !wrong.empty())
    return {.show = {fmt::format("-- choose another nick: this one {}", wrong)}};
  const auto [owner, is_free] = owners_.try_emplace(chat::key_of(nick), "");
  if (!is_free && !owner->second.empty())
    return {.show = {fmt::format("-- choose another nick: somebody is called {}", nick)}};
  if (chat::key_of(nick) != chat::key_of(nick_)) owners_.erase(chat::key_of(nick_));
  Saying saying{.send = line(Kind::notice, fmt::format("{}{}", kIsNow, nick)),
                .show = {fmt::format("-- you are {}", nick)}};
  nick_ = nick;
  return saying;
}

std::string RoomSpeech::who() const {
  constexpr std::size_t kMost = 100;
  std::vector<std::string> others;
  for (const auto& member : members_)
    if (!member.second.has_left) others.push_back(shown_nick(member));
  std::ranges::sort(others);  // `members_` is in the order of numbers that say nothing
  const std::size_t count = others.size() + 1;
  if (count > kMost) others.resize(kMost - 1);
  return fmt::format("-- heard so far ({}): {} (you){}{}{}", count, nick_,
                     others.empty() ? "" : " ", fmt::join(others, " "),
                     count > kMost ? " ..." : "");
}

// Hearing.

std::vector<std::string> RoomSpeech::hear(std::string_view datagram, const Address& sender) {
  std::string_view text = datagram;
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::string whole = safe(text);
  const auto heard = parse_room_line(whole);
  std::vector<std::string> lines;
  if (!heard) {  // somebody with another program
    for (const std::string_view one : lines_of(datagram))
      lines.push_back(fmt::format("<{}> {}", short_text(sender), safe(one)));
    return lines;
  }
  if (heard->sender == id_) return lines;  // our own, which comes back
  const auto member = find(*heard, sender);
  const auto missing = member->second.numbers.note(heard->number);
  if (!missing) return lines;  // it came another way already
  member->second.heard_at = ++clock_;
  if (heard->nick != member->second.nick || std::exchange(member->second.has_left, false))
    call(member, heard->nick);
  const std::string nick = shown_nick(*member);
  if (*missing > 0)
    lines.push_back(fmt::format("-- {} of {} did not come", counted(*missing, "line"), nick));
  lines.push_back(body_of(*heard, nick));
  if (heard->kind != Kind::notice) return lines;
  if (heard->text.starts_with(kIsNow)) call(member, heard->text.substr(kIsNow.size()));
  if (heard->text ==
      kHasLeft) {  // kept, so that its lines are not taken for new if they come again
    give_up_nick(*member);
    member->second.has_left = true;
  }
  return lines;
}

RoomSpeech::Members::iterator RoomSpeech::find(const RoomLine& line, const Address& sender) {
  std::string key = fmt::format("{:08x} {}", line.sender, short_text(sender));
  if (const auto known = members_.find(key); known != members_.end()) return known;
  if (members_.size() == kMostMembers) forget_oldest();
  Member member{.nick = {}, .host = std::string{sender.host()}};
  const auto added = members_.emplace(std::move(key), std::move(member)).first;
  call(added, line.nick);
  return added;
}

void RoomSpeech::forget_oldest() {
  const auto oldest = std::ranges::min_element(
      members_, {}, [](const Members::value_type& one) { return one.second.heard_at; });
  give_up_nick(*oldest);
  members_.erase(oldest);
}

/// `member` says that it is called `nick`; the nick is its own if it is nobody's.
void RoomSpeech::call(Members::iterator member, std::string_view nick) {
  give_up_nick(*member);
  member->second.nick = nick;
  owners_.try_emplace(chat::key_of(nick), member->first);
}

void RoomSpeech::give_up_nick(const Members::value_type& member) {
  const auto owner = owners_.find(chat::key_of(member.second.nick));
  if (owner != owners_.end() && owner->second == member.first) owners_.erase(owner);
}

std::string RoomSpeech::shown_nick(const Members::value_type& member) const {
  const auto owner = owners_.find(chat::key_of(member.second.nick));
  const bool is_its_own = owner != owners_.end() && owner->second == member.first;
  // No nick has a bracket in it.
  return is_its_own ? member.second.nick
                    : fmt::format("{}[{}]", member.second.nick, member.second.host);
}

}  // namespace headrace::tool
