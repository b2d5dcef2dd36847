// SPDX-License-Identifier: MIT
//
// Session: one member: what it types, as lines and commands, and what it is to be sent. Used by the
// member's own tasks only, so it needs no lock, and awaits nothing. Not here: the connection
// (chat.cpp), the rooms (hub.hpp).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/chat.hpp"
#include "services/chat/hub.hpp"
#include "services/chat/mailbox.hpp"

namespace headrace::chat {

/// Counted by all members at once.
struct Counters {
  std::atomic<std::uint64_t> members = 0;
  std::atomic<std::uint64_t> lines = 0;
  std::atomic<std::uint64_t> delivered = 0;
  std::atomic<std::uint64_t> skipped = 0;
  std::atomic<std::uint64_t> disconnected = 0;
  std::atomic<std::uint64_t> too_long = 0;
  std::atomic<std::uint64_t> invalid = 0;
};

class Session {
 public:
  Session(Hub& hub, Counters& counters, const services::ChatOptions& options, std::uint64_t id);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// A whole line that the member has typed.
  void take(std::string_view line);
  void refuse_too_long();
  /// The member has said /quit: what comes after is not looked at.
  [[nodiscard]] bool has_quit() const noexcept { return quit_; }

  /// Whether so much has been said, with its last line, that the others should have their turn
  /// before the next ones push out of the ring what they had no time to take. Told once.
  [[nodiscard]] bool should_pause() noexcept;

  /// Out of its room, and its nick is free; what is on its way to it can still be had.
  void leave(std::string_view how);
  [[nodiscard]] bool has_left() const noexcept { return left_; }

  /// What the member is to be sent next; null: nothing now, the mailbox rings.
  [[nodiscard]] std::shared_ptr<const SharedText> next();

  [[nodiscard]] Mailbox& mailbox() noexcept { return *member_.mailbox; }
  /// A line from the server to this member.
  void tell(std::string_view text);

 private:
  void say(Kind kind, std::string_view text);
  void command(std::string_view line);
  void change_nick(std::string_view nick);
  void join(std::string_view room);
  void part();
  void tell_who(std::string_view room);
  void tell_rooms();
  void send_private(std::string_view rest);
  void leave_room(std::string_view how);
  [[nodiscard]] bool is_named() const noexcept { return !member_.nick.empty(); }

  Hub& hub_;
  Counters& counters_;
  const services::ChatOptions& options_;
  Hub::Member member_;
  std::unique_ptr<Subscription> room_;                     // where it is
  std::vector<std::unique_ptr<Subscription>> left_rooms_;  // not everything has been had from them
  std::uint64_t forgone_ = 0;                              // lines of rooms, never had
  bool presses_ = false;                                   // the others are far behind its lines
  bool quit_ = false;
  bool left_ = false;
  bool bye_said_ = false;
};

}  // namespace headrace::chat
