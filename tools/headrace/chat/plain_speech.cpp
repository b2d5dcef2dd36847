// SPDX-License-Identifier: MIT
//
// Lines as they are; and what all kinds of speech share.
#include "chat/plain_speech.hpp"

#include <utility>

#include <fmt/format.h>

namespace headrace::tool {

std::string short_text(const Address& sender) {
  if (sender.is_unix()) return sender.path().empty() ? "(unnamed)" : std::string{sender.path()};
  const AddressText text{sender};
  return std::string{text.view().substr(text.view().find("//") + 2)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  do {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  } while (!text.empty());
  return lines;
}

Speech::Saying PlainSpeech::say(std::string_view line) {
  if (whom_ == For::person && line == "/quit") return {.ends = true};
  if (whom_ == For::person && line == "/help")
    return {.show = {"-- what you type goes to " + short_text(peer_) +
                     "; /quit leaves; //TEXT says a line that begins with /"}};
  if (whom_ == For::person && line.starts_with("//")) line.remove_prefix(1);
  std::string text{line};
  if (ends_lines_) text += '\n';
  return {.send = std::move(text)};
}

std::vector<std::string> PlainSpeech::hear(std::string_view datagram, const Address& sender) {
  const bool is_peer = sender.host() == peer_.host() && sender.path() == peer_.path();
  if (is_peer) ends_lines_ = datagram.ends_with('\n');
  std::vector<std::string> lines;
  if (whom_ == For::program && !is_peer) return lines;
  for (const std::string_view line : lines_of(datagram))
    lines.push_back(whom_ == For::person ? fmt::format("<{}> {}", short_text(sender), line)
                                         : std::string{line});
  return lines;
}

}  // namespace headrace::tool
