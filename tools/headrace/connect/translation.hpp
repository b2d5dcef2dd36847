// SPDX-License-Identifier: MIT
//
// What stands between the user's terminal or pipes and the wire of `headrace connect`: encodings,
// line ends, hexadecimal digits, and for a terminal escapes. Pieces end anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "console.hpp"
#include "headrace/transcoder.hpp"
#include "units.hpp"

namespace headrace::tool {

/// What the user asked for.
struct WireFormat {
  std::string encoding;  ///< of the wire, known to iconv; empty: bytes as they are
  bool crlf = false;     ///< lines end in CR LF on the wire
  bool hex = false;      ///< digits on our side
};

/// From what the user gives to what is sent.
class Outgoing {
 public:
  explicit Outgoing(const WireFormat& format);

  /// What to send for `given`, valid until the next call; or what is wrong with it.
  [[nodiscard]] Parsed<std::string_view> translate(std::string_view given);
  /// The same for what is left at the end.
  [[nodiscard]] Parsed<std::string_view> finish();
  /// How much of `given` does not end within a character, or between the two digits of a byte: for
  /// who cannot send one in two parts.
  [[nodiscard]] std::size_t whole_part(std::string_view given) const noexcept;
  /// Characters that the encoding lacks, and bytes that were no UTF-8.
  [[nodiscard]] std::uint64_t replaced() const noexcept;

 private:
  [[nodiscard]] Parsed<std::string_view> bytes_of_digits(std::string_view given);
  void end_lines(std::string_view given);

  bool crlf_;
  bool hex_;
  std::optional<Transcoder> transcoder_;
  std::string made_;
  char last_ = '\n';     // of what was given
  int high_digit_ = -1;  // the first digit of a byte whose second has not come
};

/// From what is received to what the user gets.
class Incoming {
 public:
  enum class Reader : std::uint8_t {
    program,       ///< a pipe or a file: as it is
    screen,        ///< a terminal
    conversation,  ///< a terminal where somebody also types
  };

  Incoming(const WireFormat& format, Reader reader);

  /// What to write for `received`; valid until the next call, and as long as `received`.
  [[nodiscard]] std::string_view translate(std::string_view received);
  [[nodiscard]] std::string_view finish();
  /// Bytes that were no character of the encoding.
  [[nodiscard]] std::uint64_t invalid() const noexcept;

 private:
  [[nodiscard]] std::string_view digits_of(std::string_view received);
  [[nodiscard]] std::string_view escaped_lines(std::string_view text);

  bool crlf_;
  bool hex_;
  Reader reader_;
  std::optional<Transcoder> transcoder_;
  LineEscaper escaper_;
  std::string made_;
  bool held_return_ = false;  // a CR whose LF may come
  unsigned column_ = 0;       // bytes in the line of digits
};

}  // namespace headrace::tool
