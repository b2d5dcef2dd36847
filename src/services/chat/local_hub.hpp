// SPDX-License-Identifier: MIT
//
// LocalHub: the hub inside one process, for members on any threads. Who is called what, and which
// rooms there are, stand under one mutex, taken for coming and going only: a line that is said
// takes its room's.
#pragma once

#include <map>
#include <mutex>

#include "services/chat/room.hpp"

namespace headrace::chat {

class LocalHub final : public Hub {
 public:
  explicit LocalHub(const RoomLimits& limits, Keeper* keeper = nullptr)
      : limits_{limits}, keeper_{keeper} {}

  /// A line of an earlier life.
  void remember(std::string_view room, std::string line);

  [[nodiscard]] bool name(Member& member, std::string_view nick, Subscription* room) override;
  void forget(const Member& member) override;
  [[nodiscard]] std::unique_ptr<Subscription> join(const Member& member, std::string_view room,
                                                   unsigned history) override;
  void leave(Subscription& subscription, std::string_view how) override;
  [[nodiscard]] bool tell(std::string_view nick, std::string_view line) override;
  [[nodiscard]] History history_since(std::string_view room, std::uint64_t sequence) override;
  [[nodiscard]] std::vector<RoomView> rooms() override;

  /// Rooms that nobody is in are kept for their history, so many at most.
  static constexpr std::size_t kMostEmpty = 1000;

 private:
  struct Named {
    std::uint64_t id;
    std::shared_ptr<Mailbox> mailbox;
  };

  std::shared_ptr<Room>& open_room(std::string_view room);
  void forget_empty_rooms();

  const RoomLimits limits_;
  Keeper* const keeper_;
  std::mutex mutex_;
  std::map<std::string, Named> nicks_;  // by key
  std::map<std::string, std::shared_ptr<Room>> rooms_;
};

}  // namespace headrace::chat
