// SPDX-License-Identifier: MIT
//
// A table of the pattern, twice its period long, so that most pieces are one memcpy.
#include "pattern.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "random.hpp"

namespace headrace::simulation {

namespace {

constexpr std::size_t kPeriod = 65521;

using Table = std::array<unsigned char, 2 * kPeriod>;

const Table& table() noexcept {
  static const Table made = [] {
    Table bytes{};
    Random random{1};
    for (std::size_t index = 0; index < kPeriod; ++index)
      bytes[index] = bytes[index + kPeriod] = static_cast<unsigned char>(random.below(256));
    return bytes;
  }();
  return made;
}

/// Calls `visit(place in the pattern, position, size)` for each piece without a seam.
template <class Visit>
void for_each_piece(std::uint32_t whose, std::uint64_t offset, std::size_t size, Visit visit) {
  for (std::size_t at = 0; at < size;) {
    const std::size_t start = (offset + at + std::uint64_t{whose} * 7919) % kPeriod;
    const std::size_t piece = std::min(size - at, 2 * kPeriod - start);
    visit(table().data() + start, at, piece);
    at += piece;
  }
}

}  // namespace

void write_pattern(std::uint32_t whose, std::uint64_t offset, void* to, std::size_t size) noexcept {
  for_each_piece(whose, offset, size, [to](const void* from, std::size_t at, std::size_t piece) {
    std::memcpy(static_cast<unsigned char*>(to) + at, from, piece);
  });
}

bool is_pattern(std::uint32_t whose, std::uint64_t offset, const void* bytes,
                std::size_t size) noexcept {
  bool same = true;
  for_each_piece(whose, offset, size, [&](const void* from, std::size_t at, std::size_t piece) {
    same = same && std::memcmp(static_cast<const unsigned char*>(bytes) + at, from, piece) == 0;
  });
  return same;
}

}  // namespace headrace::simulation
