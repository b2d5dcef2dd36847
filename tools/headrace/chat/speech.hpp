// SPDX-License-Identifier: MIT
//
// Speech: what is said over datagrams, as text: what a typed line becomes, and what one that came
// is shown as. Knows no socket and no encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/address.hpp"

namespace headrace::tool {

class Speech {
 public:
  /// What becomes of a line: a datagram, lines for who has typed it, the end.
  struct Saying {
    std::optional<std::string> send{};
    std::vector<std::string> show{};
    bool ends = false;
  };

  Speech() = default;
  Speech(const Speech&) = delete;
  Speech& operator=(const Speech&) = delete;
  virtual ~Speech() = default;

  /// The first and the last datagram, if there is to be one.
  [[nodiscard]] virtual std::optional<std::string> hello() { return {}; }
  [[nodiscard]] virtual std::optional<std::string> good_bye() { return {}; }
  [[nodiscard]] virtual Saying say(std::string_view line) = 0;
  /// The lines that a datagram of `sender` is shown as.
  [[nodiscard]] virtual std::vector<std::string> hear(std::string_view datagram,
                                                      const Address& sender) = 0;
};

/// "127.0.0.1:8088", "[::1]:8088", a path.
[[nodiscard]] std::string short_text(const Address& sender);

/// The lines of `text`, without their '\n' and '\r'; a newline at its end begins no further one.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace headrace::tool
