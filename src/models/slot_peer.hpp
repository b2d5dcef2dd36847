// SPDX-License-Identifier: MIT
//
// The peer's address in a slot of the connection table, which others compare and list while it is
// being written. Not here: the slots (connection_table.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "engines/socket_record.hpp"

namespace headrace::models {

using detail::CompactAddress;

inline bool is_local(const CompactAddress& peer) noexcept {
  constexpr std::array<std::uint8_t, 13> kMappedLoopback{0, 0, 0, 0,    0,    0,  0,
                                                         0, 0, 0, 0xff, 0xff, 127};
  constexpr std::array<std::uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return peer.transport >= Transport::unix_stream || peer.bytes == kLoopback ||
         std::equal(kMappedLoopback.begin(), kMappedLoopback.end(), peer.bytes.begin());
}

// An address is compared and listed by others while it is being written: word by word, without a
// data race. A comparison that catches some words of each counts a peer too few, never a connection
// too many: the writer counts itself.
using Word = std::uint64_t;
constexpr std::size_t kWords = sizeof(CompactAddress) / sizeof(Word);
static_assert(kWords * sizeof(Word) == sizeof(CompactAddress));

inline std::atomic_ref<Word> word(CompactAddress& address, std::size_t index) noexcept {
  return std::atomic_ref{reinterpret_cast<Word*>(&address)[index]};
}

inline void copy_words(CompactAddress& to, CompactAddress& from) noexcept {
  for (std::size_t index = 0; index < kWords; ++index)
    word(to, index).store(word(from, index).load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
}

inline bool has_bytes_of(CompactAddress& address, CompactAddress wanted) noexcept {
  return word(address, 0).load(std::memory_order_relaxed) ==
             word(wanted, 0).load(std::memory_order_relaxed) &&
         word(address, 1).load(std::memory_order_relaxed) ==
             word(wanted, 1).load(std::memory_order_relaxed);
}

}  // namespace headrace::models
