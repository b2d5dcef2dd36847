// SPDX-License-Identifier: MIT
//
// A line of a room without a server, as it goes over the network: text that people can read in any
// program, with a small head by which ours knows who has sent it and whether it came before.
//
//   #4f2a91c7 12 <ann> hello      the twelfth line of the sender 4f2a91c7, who is called ann
//   #4f2a91c7 13 * ann waves      what ann does
//   #4f2a91c7 14 -- ann is here   a notice: "is here", "has left", "is now NICK"
//
// The sender is eight lowercase hexadecimal digits, drawn at random by each program; decimal
// numbers from 1, without leading zeros. A newline ends it, for programs that print what comes as
// it is. Not here: what a member knows of the others (room_speech.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::tool {

struct RoomLine {
  enum class Kind : std::uint8_t { said, did, notice };

  std::uint32_t sender = 0;
  std::uint64_t number = 0;
  Kind kind = Kind::said;
  std::string_view nick;
  std::string_view text;
};

inline constexpr std::string_view kIsHere = "is here", kHasLeft = "has left", kIsNow = "is now ";

/// The datagram.
[[nodiscard]] std::string to_text(const RoomLine& line);

/// The same without head and newline: "<ann> hello". `nick` takes the place of the line's own.
[[nodiscard]] std::string body_of(const RoomLine& line, std::string_view nick);

/// Reads `text`, made safe and without its newline; borrows from it. Nothing where it is another
/// program's.
[[nodiscard]] std::optional<RoomLine> parse_room_line(std::string_view text);

}  // namespace headrace::tool
