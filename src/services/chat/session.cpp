// SPDX-License-Identifier: MIT
//
// A member's commands, and the order in which it gets what is for it: first what is for it alone,
// then the rooms it has left, then the one it is in.
#include "services/chat/session.hpp"

#include <utility>

#include "services/chat/lines.hpp"
#include "services/chat/names.hpp"

namespace headrace::chat {

namespace {

constexpr std::string_view kLobby = "lobby";
// Of lines in one send: it costs the kernel a third less a byte than 16 KiB do, and more is no
// cheaper. Who does not read has one of its own, at most, beside the ring.
constexpr std::size_t kBatch = std::size_t{64} * 1024;
constexpr std::size_t kMostLeftRooms = 4;

constexpr std::string_view kHelp =
    R"(-- Type a line, and everybody in your room reads it. Lines that begin with / are commands:
--   /nick NICK      another name         /join ROOM   go to another room
--   /msg NICK TEXT  to one member only   /part        back to the lobby
--   /me TEXT        what you do          /who [ROOM]  who is in a room
--   /rooms          the rooms            /quit        leave
--   /help           this                 //TEXT       say a line that begins with /
)";

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// The first word, taken off `rest`.
std::string_view take_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return word;
}

std::string skipped_line(std::uint64_t count) {
  return "-- ... " + std::to_string(count) + (count == 1 ? " line skipped\n" : " lines skipped\n");
}

}  // namespace

Session::Session(Hub& hub, Counters& counters, const services::ChatOptions& options,
                 std::uint64_t id)
    : hub_{hub},
      counters_{counters},
      options_{options},
      member_{.id = id, .nick = {}, .mailbox = std::make_shared<Mailbox>(options.outbox)} {
  tell("what is your nick?");
}

Session::~Session() { leave("has left"); }

void Session::tell(std::string_view text) {
  member_.mailbox->put(std::string{"-- "}.append(text).append("\n"));
}

// What it types.

void Session::take(std::string_view line) {
  if (left_) return;  // disconnected as too slow, with lines of its own still on their way
  std::uint64_t invalid = 0;
  const std::string text = made_safe(line, invalid);
  if (invalid != 0) counters_.invalid += invalid;
  if (trimmed(text).empty()) return;
  if (text.starts_with('/') && !text.starts_with("//")) return command(text);
  if (!is_named()) return change_nick(trimmed(text));
  say(Kind::said, std::string_view{text}.substr(text.starts_with("//") ? 1 : 0));
}

void Session::refuse_too_long() {
  ++counters_.too_long;
  tell("that line was not sent: it is longer than " + std::to_string(options_.max_line) + " bytes");
}

void Session::say(Kind kind, std::string_view text) {
  ++counters_.lines;
  presses_ = room_->publish(kind, text) >= options_.outbox / 4;
}

bool Session::should_pause() noexcept { return std::exchange(presses_, false); }

void Session::command(std::string_view line) {
  std::string_view rest = line;
  const std::string_view word = take_word(rest);
  if (word == "/quit") {
    quit_ = true;
    return;
  }
  if (word == "/help") return member_.mailbox->put(kHelp);
  if (word == "/nick") return change_nick(trimmed(rest));
  if (!is_named()) return tell("first say your nick: a line with nothing else in it");
  if (word == "/join") return join(trimmed(rest));
  if (word == "/part") return part();
  if (word == "/who") return tell_who(trimmed(rest));
  if (word == "/rooms") return tell_rooms();
  if (word == "/msg") return send_private(rest);
  if (word == "/me")
    return trimmed(rest).empty() ? tell("/me WHAT YOU DO") : say(Kind::did, trimmed(rest));
  tell(std::string{"no command is called "}.append(word).append("; try /help"));
}

void Session::change_nick(std::string_view nick) {
  if (const auto wrong = why_not_a_name(nick); !wrong.empty())
    return tell(std::string{"choose another nick: this one "}.append(wrong));
  if (!hub_.name(member_, nick, room_.get()))
    return tell(std::string{"choose another nick: somebody is called "}.append(nick));
  tell(std::string{"you are "}.append(nick));
  if (room_ != nullptr) return;
  ++counters_.members;
  join(kLobby);
}

void Session::join(std::string_view room) {
  if (const auto wrong = why_not_a_name(room); !wrong.empty())
    return tell(std::string{"choose another name for the room: this one "}.append(wrong));
  if (room_ != nullptr && key_of(room_->room()) == key_of(room))
    return tell("you are in " + room_->room() + " already");
  leave_room("has gone to another room");
  room_ = hub_.join(member_, room, options_.history);
  tell_who("");
}

void Session::part() {
  if (key_of(room_->room()) == kLobby) return tell("you are in the lobby; /quit to leave");
  join(kLobby);
}

void Session::leave_room(std::string_view how) {
  if (room_ == nullptr) return;
  hub_.leave(*room_, how);
  left_rooms_.push_back(std::move(room_));
  if (left_rooms_.size() <= kMostLeftRooms) return;
  // Somebody who does not read and walks through rooms: the oldest go, as lines would.
  for (;;) {
    const Batch batch = left_rooms_.front()->next(kBatch);
    forgone_ += batch.lines + batch.skipped;
    if (batch.text == nullptr) break;
  }
  left_rooms_.erase(left_rooms_.begin());
}

// What it asks.

void Session::tell_who(std::string_view room) {
  if (!room.empty() && key_of(room) != key_of(room_->room()))
    return tell("/who tells of the room you are in; /rooms of the others");
  const auto nicks = room_->members();
  constexpr std::size_t kMost = 100;
  std::string text = "in " + room_->room() + " (" + std::to_string(nicks.size()) + "):";
  for (std::size_t index = 0; index < nicks.size() && index < kMost; ++index)
    text.append(" ").append(nicks[index]);
  if (nicks.size() > kMost) text.append(" ...");
  tell(text);
}

void Session::tell_rooms() {
  std::string text = "rooms:";
  for (const RoomView& room : hub_.rooms())
    text.append(" ")
        .append(room.name)
        .append(" (")
        .append(std::to_string(room.members))
        .append(")");
  tell(text);
}

void Session::send_private(std::string_view rest) {
  const std::string_view nick = take_word(rest);
  if (trimmed(rest).empty()) return tell("/msg NICK TEXT");
  ++counters_.lines;
  std::string line = "<" + member_.nick + " -> ";
  line.append(nick).append("> ").append(rest).append("\n");
  if (!hub_.tell(nick, line))
    tell(std::string{"nobody is called "}.append(nick));
  else
    ++counters_.delivered;
}

// What it gets.

void Session::leave(std::string_view how) {
  if (std::exchange(left_, true)) return;
  leave_room(how);
  hub_.forget(member_);
  member_.mailbox->wake();
}

std::shared_ptr<const SharedText> Session::next() {
  Mailbox::Mail mail = member_.mailbox->take();
  Batch batch{};
  while (mail.text.empty() && !left_rooms_.empty()) {
    batch = left_rooms_.front()->next(kBatch);
    if (batch.text != nullptr || batch.skipped != 0) break;
    left_rooms_.erase(left_rooms_.begin());
  }
  if (mail.text.empty() && left_rooms_.empty() && room_ != nullptr) batch = room_->next(kBatch);

  const std::uint64_t skipped = mail.skipped + batch.skipped + std::exchange(forgone_, 0);
  // All workers write to these: not for nothing.
  if (batch.lines != 0) counters_.delivered += batch.lines;
  if (skipped != 0) counters_.skipped += skipped;
  if (skipped == 0 && mail.text.empty()) {
    const bool is_last = batch.text == nullptr && left_ && quit_;
    // Not through the mailbox: it would overtake what the room still has for the member.
    return is_last && !std::exchange(bye_said_, true)
               ? std::make_shared<const SharedText>("-- bye\n")
               : batch.text;
  }
  std::string text = skipped == 0 ? std::string{} : skipped_line(skipped);
  text += mail.text;
  if (batch.text != nullptr) text += batch.text->utf8();
  return std::make_shared<const SharedText>(std::move(text));
}

}  // namespace headrace::chat
