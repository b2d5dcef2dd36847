// SPDX-License-Identifier: MIT
//
// Mailbox: how anybody reaches one member: lines for it alone, and a wake-up when there is
// something for it anywhere. Not here: the lines of rooms, which are stored once for all
// (room.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "headrace/channel.hpp"

namespace headrace::chat {

/// What there is for a member.
class Mailbox {
 public:
  /// Holds at most `most` bytes: then the oldest lines go, and the member is told how many.
  explicit Mailbox(std::size_t most) noexcept : most_{most} {}

  // Any thread.

  /// Lines, each with its '\n', for this member only.
  void put(std::string_view lines);
  /// There is something for the member. However often: it wakes once.
  void wake() noexcept {
    if (!called_.exchange(true)) (void)bell_.try_send({});
  }
  /// It has fallen behind further than it may.
  void overrun() noexcept {
    overrun_ = true;
    wake();
    (void)ends_.try_send({});
  }
  [[nodiscard]] bool is_overrun() const noexcept { return overrun_; }

  // The member's own tasks.

  /// Await it to be woken, then call `awake`, and only then look at what there is.
  [[nodiscard]] auto woken(Engine& engine) noexcept { return bell_.receive(engine); }
  void awake() noexcept { called_ = false; }

  struct Mail {
    std::string text;
    std::uint64_t skipped;
  };
  /// All of it.
  [[nodiscard]] Mail take();

  struct Bell {};
  /// Where the member's tasks, and whoever overruns it, say that it ends.
  [[nodiscard]] Channel<Bell>& ends() noexcept { return ends_; }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::string lines_;
  std::uint64_t skipped_ = 0;
  std::atomic<bool> called_ = false;
  std::atomic<bool> overrun_ = false;
  Channel<Bell> bell_{1};
  Channel<Bell> ends_{4};
};

}  // namespace headrace::chat
