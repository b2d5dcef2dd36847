// SPDX-License-Identifier: MIT
//
// Room: one ring of shared lines with sequence numbers; a member is a cursor into it, and history
// is an earlier cursor. So a line to 1000 members is stored once, and who does not read costs the
// others nothing: the ring goes on, and the cursor is moved when it is looked at next.
//
// One mutex a room, held for moves and for joining lines; nobody is woken under it.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/chat.hpp"
#include "services/chat/hub.hpp"
#include "services/chat/mailbox.hpp"

namespace headrace::chat {

/// Where said lines are kept beyond the process; called in the order of the room.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual void keep(std::string_view room, std::string_view line) noexcept = 0;
};

struct RoomLimits {
  std::size_t bytes;  ///< of the ring's lines
  services::WhenSlow when_slow;
};

class Room {
 public:
  class Place;

  Room(std::string name, const RoomLimits& limits, Keeper* keeper)
      : name_{std::move(name)}, limits_{limits}, keeper_{keeper} {}

  /// Before anybody joins: a line of an earlier life, its time included.
  void remember(std::string line);

  /// The member is here from now on, its cursor before the last `history` lines that were said.
  void enter(Place& place, unsigned history);
  void leave(Place& place, std::string_view how);
  void rename(Place& place, std::string_view nick);
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::size_t members() const;
  /// Nobody is here and nothing was said.
  [[nodiscard]] bool is_forgettable() const;
  [[nodiscard]] Hub::History history_since(std::uint64_t sequence) const;

  static constexpr std::size_t kTimeSize = 22;  // "[2026-11-22 08:42:10] "

 private:
  struct Line {
    std::uint64_t sender;
    Kind kind;
    std::string text;  // with time and '\n'
  };
  using Wakes = std::vector<std::shared_ptr<Mailbox>>;

  // All below: under the mutex.
  void append(Place& sender, Kind kind, std::string_view text, Wakes& wakes);
  void drop_oldest();
  void find_overrun();
  [[nodiscard]] Batch read(Place& place, std::size_t most);
  [[nodiscard]] Batch shared_batch(Place& place, std::uint64_t limit, std::size_t most);
  void wait_for_more(Place& place);
  [[nodiscard]] Batch compose(const Place& place, std::uint64_t& cursor, std::uint64_t limit,
                              std::size_t most) const;
  const Line& at(std::uint64_t sequence) const { return lines_[sequence - first_]; }
  std::uint64_t next() const noexcept { return first_ + lines_.size(); }
  std::string_view now();

  const std::string name_;
  const RoomLimits limits_;
  Keeper* const keeper_;
  mutable std::mutex mutex_;
  std::deque<Line> lines_;
  std::uint64_t first_ = 1;  // number of the oldest line there is
  std::size_t size_ = 0;
  bool said_ = false;
  std::vector<Place*> places_;   // by age
  std::vector<Place*> waiting_;  // those who have got everything
  std::size_t behind_ = 0;       // bytes since the last of them came, if there is anybody to read
  std::uint64_t lowest_ = 1;     // no cursor is below; for WhenSlow::disconnect
  // The last batches, for the next member at the same place: most of them are. Several, because a
  // member that is woken takes one after the other, and the next member begins with the first
  // again.
  struct Shared {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    Batch batch;
  };
  std::array<Shared, 4> shared_;
  std::size_t oldest_shared_ = 0;
  std::time_t second_ = -1;  // whose text this is
  std::string time_;
};

/// A member in a room.
class Room::Place final : public Subscription {
 public:
  Place(std::shared_ptr<Room> room, const Hub::Member& member)
      : room_{std::move(room)}, id_{member.id}, mailbox_{member.mailbox}, nick_{member.nick} {}

  [[nodiscard]] const std::string& room() const noexcept override { return room_->name_; }
  std::size_t publish(Kind kind, std::string_view text) override;
  [[nodiscard]] Batch next(std::size_t most) override;
  [[nodiscard]] std::vector<std::string> members() const override;

 private:
  friend class Room;
  friend class LocalHub;

  static constexpr std::uint64_t kNever = ~0ULL;

  const std::shared_ptr<Room> room_;
  const std::uint64_t id_;
  const std::shared_ptr<Mailbox> mailbox_;
  // Under the room's mutex.
  std::string nick_;
  std::uint64_t cursor_ = 0;    // the next line to be had
  std::uint64_t joined_ = 0;    // lines before are history
  std::uint64_t end_ = kNever;  // lines from here on came after the member had left
  std::uint64_t last_own_ = 0;
  bool waiting_ = false;
};

}  // namespace headrace::chat
