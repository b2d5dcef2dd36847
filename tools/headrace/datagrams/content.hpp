// SPDX-License-Identifier: MIT
//
// Content: the bytes of a datagram to be sent, from a word, a line or a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "datagrams/encodings.hpp"
#include "datagrams/send_command.hpp"

namespace headrace::tool {

/// "70000 bytes are more than the 65507 of a datagram".
[[nodiscard]] std::string too_long(std::uint64_t size);

/// Turns what the user gave into bytes, or says what is wrong with it.
class ContentMaker {
 public:
  explicit ContentMaker(const SendArguments& asked);

  /// `given` as it was typed: digits, or UTF-8 text.
  [[nodiscard]] Parsed<std::string> make(std::string_view given);
  /// What --file names.
  [[nodiscard]] Parsed<std::string> make_from_file();
  /// Characters so far that could not be said in the encoding.
  [[nodiscard]] std::uint64_t replaced() const noexcept { return encoder_.replaced(); }
  /// The longest text that may become a datagram.
  [[nodiscard]] std::size_t longest_given() const noexcept;

 private:
  const SendArguments& asked_;
  Encoder encoder_;
};

}  // namespace headrace::tool
