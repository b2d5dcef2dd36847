// SPDX-License-Identifier: MIT
//
// Nicks and rooms of one process.
#include "services/chat/local_hub.hpp"

#include "services/chat/names.hpp"

namespace headrace::chat {

namespace {

/// Of this hub, so of this kind.
Room::Place& place_of(Subscription& subscription) noexcept {
  return static_cast<Room::Place&>(subscription);
}

}  // namespace

// Nicks.

bool LocalHub::name(Member& member, std::string_view nick, Subscription* room) {
  const std::string key = key_of(nick);
  {
    const std::lock_guard lock{mutex_};
    const auto [found, is_new] = nicks_.try_emplace(key, member.id, member.mailbox);
    if (!is_new && found->second.id != member.id) return false;
    if (const std::string old = key_of(member.nick); !member.nick.empty() && old != key)
      nicks_.erase(old);
    if (room != nullptr) place_of(*room).room_->rename(place_of(*room), nick);
  }
  member.nick = nick;
  return true;
}

void LocalHub::forget(const Member& member) {
  if (member.nick.empty()) return;
  const std::lock_guard lock{mutex_};
  nicks_.erase(key_of(member.nick));
}

bool LocalHub::tell(std::string_view nick, std::string_view line) {
  std::shared_ptr<Mailbox> mailbox;
  {
    const std::lock_guard lock{mutex_};
    const auto found = nicks_.find(key_of(nick));
    if (found == nicks_.end()) return false;
    mailbox = found->second.mailbox;
  }
  mailbox->put(line);
  return true;
}

// Rooms.

std::shared_ptr<Room>& LocalHub::open_room(std::string_view room) {
  std::shared_ptr<Room>& found = rooms_[key_of(room)];
  if (found == nullptr) found = std::make_shared<Room>(std::string{room}, limits_, keeper_);
  return found;
}

void LocalHub::remember(std::string_view room, std::string line) {
  const std::lock_guard lock{mutex_};
  open_room(room)->remember(std::move(line));
}

std::unique_ptr<Subscription> LocalHub::join(const Member& member, std::string_view room,
                                             unsigned history) {
  // The hub's mutex is held until the member is in: nobody may forget the room in between.
  const std::lock_guard lock{mutex_};
  const std::shared_ptr<Room>& found = open_room(room);
  auto place = std::make_unique<Room::Place>(found, member);
  found->enter(*place, history);
  return place;
}

void LocalHub::leave(Subscription& subscription, std::string_view how) {
  Room::Place& place = place_of(subscription);
  const std::lock_guard lock{mutex_};
  place.room_->leave(place, how);
  if (place.room_->is_forgettable()) rooms_.erase(key_of(place.room()));
  forget_empty_rooms();
}

void LocalHub::forget_empty_rooms() {
  if (rooms_.size() <= kMostEmpty) return;  // the usual case: nothing to count
  std::size_t empty = 0;
  for (auto room = rooms_.begin(); room != rooms_.end();) {
    const bool goes = room->second->members() == 0 && ++empty > kMostEmpty;
    room = goes ? rooms_.erase(room) : std::next(room);
  }
}

Hub::History LocalHub::history_since(std::string_view room, std::uint64_t sequence) {
  std::shared_ptr<Room> found;
  {
    const std::lock_guard lock{mutex_};
    const auto entry = rooms_.find(key_of(room));
    if (entry == rooms_.end()) return {};
    found = entry->second;
  }
  return found->history_since(sequence);
}

std::vector<RoomView> LocalHub::rooms() {
  std::vector<RoomView> views;
  const std::lock_guard lock{mutex_};
  for (const auto& [key, room] : rooms_)
    if (const std::size_t members = room->members(); members != 0)
      views.push_back({.name = room->name(), .members = members});
  return views;
}

}  // namespace headrace::chat
