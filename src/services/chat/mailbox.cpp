// SPDX-License-Identifier: MIT
//
// Lines for one member, and its bell.
#include "services/chat/mailbox.hpp"

#include <utility>

namespace headrace::chat {

void Mailbox::put(std::string_view lines) {
  {
    const std::lock_guard lock{mutex_};
    lines_ += lines;
    while (lines_.size() > most_) {
      const std::size_t oldest = lines_.find('\n') + 1;
      if (oldest == lines_.size()) break;
      lines_.erase(0, oldest);
      ++skipped_;
    }
  }
  wake();
}

Mailbox::Mail Mailbox::take() {
  const std::lock_guard lock{mutex_};
  return {.text = std::exchange(lines_, {}), .skipped = std::exchange(skipped_, 0)};
}

}  // namespace headrace::chat
