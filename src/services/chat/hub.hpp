// SPDX-License-Identifier: MIT
//
// Hub: where members meet: publish, subscribe, history since, presence. The service knows only
// this, so that a hub across machines can take the place of the one in this process
// (local_hub.hpp). Not here: connections, commands, what a line looks like on the wire of one
// member (session.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "services/chat/shared_text.hpp"

namespace headrace::chat {

class Mailbox;

enum class Kind : std::uint8_t {
  said,    ///< `<nick> text`
  did,     ///< `* nick text`
  notice,  ///< `-- text`: presence, from the hub itself; not part of the history
};

/// Some lines of a room for one member, each with its '\n'.
struct Batch {
  std::shared_ptr<const SharedText> text;  ///< null: nothing now; the member's mailbox rings later
  std::uint64_t lines = 0;
  std::uint64_t skipped = 0;  ///< lines that went by before, because the member was too slow
  bool ended = false;         ///< the member has left the room, and has got all until then
};

/// A member in a room. Belongs to the member's tasks; destroy it before its hub.
class Subscription {
 public:
  virtual ~Subscription() = default;

  [[nodiscard]] virtual const std::string& room() const noexcept = 0;
  /// Stores a line once for all, and wakes those who wait. `text` is safe and has no '\n'. Says how
  /// many bytes of lines have come since anybody there had got everything: who goes on saying much
  /// does well to let the others have their turn.
  virtual std::size_t publish(Kind kind, std::string_view text) = 0;
  /// Lines that the member has not got yet, in their order: about `most` bytes, at least one line.
  /// Never the member's own of this stay.
  [[nodiscard]] virtual Batch next(std::size_t most) = 0;
  /// Nicks of those who are there, by age.
  [[nodiscard]] virtual std::vector<std::string> members() const = 0;
};

struct RoomView {
  std::string name;
  std::size_t members;
};

/// Thread-safe. A member is known by its number.
class Hub {
 public:
  struct Member {
    std::uint64_t id;
    std::string nick;
    std::shared_ptr<Mailbox> mailbox;
  };

  virtual ~Hub() = default;

  /// Gives `member` the name `nick`, and its old one back; its room is told. False: somebody has
  /// it.
  [[nodiscard]] virtual bool name(Member& member, std::string_view nick, Subscription* room) = 0;
  /// The name is free again.
  virtual void forget(const Member& member) = 0;
  /// Joins `room` and reads its last `history` lines: one step, between two lines.
  [[nodiscard]] virtual std::unique_ptr<Subscription> join(const Member& member,
                                                           std::string_view room,
                                                           unsigned history) = 0;
  /// Nothing after this reaches `subscription`; what came before can still be had. The room is told
  /// that the nick "`how`".
  virtual void leave(Subscription& subscription, std::string_view how) = 0;
  /// Puts `line` into the mailbox of whoever is called `nick`. False: nobody is.
  [[nodiscard]] virtual bool tell(std::string_view nick, std::string_view line) = 0;
  /// Lines of `room` from number `sequence` on, with time, and the number after the last.
  struct History {
    std::vector<std::string> lines;
    std::uint64_t next = 0;
  };
  [[nodiscard]] virtual History history_since(std::string_view room, std::uint64_t sequence) = 0;
  [[nodiscard]] virtual std::vector<RoomView> rooms() = 0;
};

}  // namespace headrace::chat
