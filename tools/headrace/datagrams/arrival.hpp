// SPDX-License-Identifier: MIT
//
// A datagram that came, as `receive` and `send --wait` show it: a line for a person, a dump, a JSON
// object, or its bare bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "datagrams/numbering.hpp"
#include "headrace/address.hpp"

namespace headrace::tool {

/// One datagram and what is known of its way here. Borrows the bytes.
struct Arrival {
  Address sender;
  std::string_view bytes;           ///< what was taken of it
  std::size_t size = bytes.size();  ///< of the whole; more than `bytes` where it was cut
  bool size_is_known = true;        ///< else it was more than `size`
  std::uint64_t dropped = 0;        ///< others that the kernel threw away since the last
  std::optional<NumberAtFront> number = std::nullopt;
  Turn turn = {};  ///< where there is a number

  [[nodiscard]] bool is_cut() const noexcept { return size > bytes.size() || !size_is_known; }
};

/// Text in UTF-8, and how many bytes of the source were not of its encoding.
struct Decoded {
  std::string text;
  std::uint64_t invalid = 0;
};
using Decode = std::function<Decoded(std::string_view bytes)>;

enum class Form : std::uint8_t {
  line,  ///< sender and content
  both,  ///< sender and size; the raw content; the decoded content
  dump,  ///< sender and size; hexadecimal digits
  json,
  raw  ///< the content and nothing else
};

/// How arrivals are shown.
struct Look {
  Form form = Form::line;
  bool for_person = true;   ///< a terminal: escape what could steer it
  bool with_hex = false;    ///< json: always with "hex"
  Decode decode = nullptr;  ///< null: shown as it is; needed for `both` and `json`
};

/// What to write to stdout, whole lines but for `raw`.
///
/// As `line` on no terminal the content is as it came (decoded, if asked for) and ends with a
/// newline: one of its own, else one of ours.
[[nodiscard]] std::string shown(const Arrival& arrival, const Look& look);

/// "udp://127.0.0.1:7789"; a Unix sender may have no name: "unix-datagram:(unnamed)". Escaped.
[[nodiscard]] std::string text_of_sender(const Address& sender);

/// "5 bytes", "1024 of 2000 bytes", "65536 of over 65536 bytes".
[[nodiscard]] std::string text_of_size(const Arrival& arrival);

/// Bytes as ASCII, everything else as `\xc4`: each byte can be told.
[[nodiscard]] std::string as_ascii(std::string_view bytes);

}  // namespace headrace::tool
