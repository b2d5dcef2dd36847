// SPDX-License-Identifier: MIT
//
// Conversion of a text as a whole: it begins and ends in the encoding's first shift state.
#include "services/chat/shared_text.hpp"

namespace headrace::chat {

const std::string& SharedText::in(std::string_view encoding, Transcoder& to) const {
  const std::lock_guard lock{mutex_};
  auto found = encoded_.find(encoding);
  if (found == encoded_.end()) {
    std::string text{text_of(to.convert(bytes_of(utf8_)))};
    text += text_of(to.finish().bytes);
    found = encoded_.emplace(encoding, std::move(text)).first;
  }
  return found->second;
}

bool can_be_joined(Transcoder& to) {
  const std::string first{text_of(to.convert(bytes_of("\n")))};
  const bool as_the_next = text_of(to.convert(bytes_of("\n"))) == first;
  (void)to.finish();
  return as_the_next;
}

}  // namespace headrace::chat
