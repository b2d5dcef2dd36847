// SPDX-License-Identifier: MIT
//
// `headrace send`: what it is asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "headrace/address.hpp"

namespace headrace::tool {

inline constexpr std::size_t kLongestDatagram = 65'507;  // UDP over IPv4; the same for all

struct SendArguments {
  std::string address;
  std::optional<std::string> text{};
  std::string file{};  ///< "-" is stdin
  bool hex = false;    ///< the content is digits; replies are dumped
  std::optional<std::uint64_t> count{};
  std::chrono::nanoseconds interval{0};
  std::string encoding{};  ///< empty: bytes are sent as they are
  std::uint8_t ttl = 0;    ///< 0: the kernel's
  std::string interface{};
  bool broadcast = false;
  std::optional<std::chrono::nanoseconds> wait{};  ///< for replies, since the last of either side

  /// Whether each line of stdin becomes a datagram: nothing else says what to send.
  [[nodiscard]] bool sends_lines() const noexcept { return !text && file.empty() && !count; }
};

/// Sends, and with `wait` prints replies: the exit status. `to` is where `address` points.
[[nodiscard]] int run_send(const Address& to, const SendArguments& arguments);

}  // namespace headrace::tool
