// SPDX-License-Identifier: MIT
//
// `headrace chat udp://...`: one other, or a room of everybody on the local network who speaks at a
// broadcast or multicast address: which socket that takes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "headrace/address.hpp"
#include "headrace/deadline.hpp"

namespace headrace::tool {

struct DatagramChat {
  Address to;
  std::optional<Address> listen{};    ///< for one other: where we can be reached
  bool listens_towards_peer = false;  ///< of `listen` only the port counts
  std::string nick{};                 ///< for a room
  std::string interface{};            ///< for a room; "": as the routes say
  bool broadcast = false;             ///< `to` is the broadcast address of some network
  std::string encoding{};
  std::string peer_encoding{};
  Deadline linger = Deadline::after(std::chrono::seconds{1});
};

/// Whether `to` stands for a room: a broadcast or multicast address.
[[nodiscard]] bool is_room(const DatagramChat& asked);

/// Talks until it ends: the exit status.
[[nodiscard]] int run_datagram_chat(const DatagramChat& asked);

}  // namespace headrace::tool
