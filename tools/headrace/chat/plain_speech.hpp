// SPDX-License-Identifier: MIT
//
// PlainSpeech: two who talk to each other: a line is a datagram and nothing else, as the simplest
// program would have it.
#pragma once

#include <cstdint>

#include "chat/speech.hpp"

namespace headrace::tool {

class PlainSpeech final : public Speech {
 public:
  enum class For : std::uint8_t {
    person,   ///< /quit is a command, and each line is shown with its sender
    program,  ///< text in, text out; what is not the peer's is left out
  };

  PlainSpeech(const Address& peer, For whom) : peer_{peer}, whom_{whom} {}

  [[nodiscard]] Saying say(std::string_view line) override;
  [[nodiscard]] std::vector<std::string> hear(std::string_view datagram,
                                              const Address& sender) override;

 private:
  Address peer_;
  For whom_;
  bool ends_lines_ = false;  // as the peer does, nc for one
};

}  // namespace headrace::tool
