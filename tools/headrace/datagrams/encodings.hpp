// SPDX-License-Identifier: MIT
//
// Encodings of datagrams: each is a text of its own, so a character is never split over two.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "datagrams/arrival.hpp"
#include "headrace/transcoder.hpp"
#include "units.hpp"

namespace headrace::tool {

/// A name that iconv(3) knows.
[[nodiscard]] Parsed<std::string> parse_encoding(std::string_view text);

/// From `encoding`, which is known, to UTF-8.
[[nodiscard]] Decode decoder_of(const std::string& encoding);

/// From UTF-8 to another encoding.
class Encoder {
 public:
  /// `encoding` is known; empty: bytes stay as they are.
  explicit Encoder(const std::string& encoding);
  [[nodiscard]] std::string encode(std::string_view text);
  /// Characters so far that the encoding lacks, and bytes of the text that were no UTF-8.
  [[nodiscard]] std::uint64_t replaced() const noexcept;

 private:
  std::optional<Transcoder> transcoder_;
};

}  // namespace headrace::tool
