// SPDX-License-Identifier: MIT
//
// The memory of the connection table, as all processes of a server see it. For the table's own
// files only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "models/connection_table.hpp"

namespace headrace::models {

using Counter = std::atomic<std::uint64_t>;

/// One connection: a cache line, so that workers do not disturb each other.
struct alignas(64) ConnectionTable::Slot : detail::ConnectionInfo {
  std::atomic<std::uint64_t> holder = 0;  // 0: free
};

/// What all processes of the server see.
struct ConnectionTable::Shared {
  Counter connections, open, served, most, refused, timed_out, reset, cut, killed, kicked;
  Counter kicks;                                 // asked for and not yet done
  Counter received, sent, messages, departures;  // of connections that have ended
  Counter moves_done;  // of a departing connection's bytes into those above
  Counter ids;         // given out so far; never again, also when the peer is turned away
  std::atomic<std::uint32_t> next_slot;
  std::atomic<std::uint32_t> used_slots;  // those behind them never have been
  alignas(64) std::byte slots[];
};

static_assert(sizeof(detail::ConnectionInfo) + sizeof(std::uint64_t) == 64);

}  // namespace headrace::models
