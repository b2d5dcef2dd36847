// SPDX-License-Identifier: MIT
//
// Lines for one member, and its bell.
#include "services/chat/mailbox.hpp"

#include <utility>

namespace headrace::chat {

void Mailbox::put(std::string line) {
  {
    const std::lock_guard lock{mutex_};
    size_ += line.size();
    lines_.push_back(std::move(line));
    while (size_ > most_ && lines_.size() > 1) {
      size_ -= lines_.front().size();
      lines_.pop_front();
      ++skipped_;
    }
  }
  wake();
}

Mailbox::Mail Mailbox::take() {
  const std::lock_guard lock{mutex_};
  Mail mail{.text = {}, .skipped = std::exchange(skipped_, 0)};
  mail.text.reserve(size_);
  for (const std::string& line : lines_) mail.text += line;
  lines_ = {};
  size_ = 0;
  return mail;
}

Task<bool> Mailbox::woken(Engine& engine) {
  const auto rung = co_await bell_.receive(engine);
  // Before anything is looked at: who puts something there from now on rings again.
  called_ = false;
  co_return rung.has_value();
}

}  // namespace headrace::chat
