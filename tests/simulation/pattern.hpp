// SPDX-License-Identifier: MIT
//
// The bytes that a peer sends: each tells whose it is and where it belongs, so none has to be kept
// in order to be checked. They repeat after 65521, a prime just below what one receive brings.
#pragma once

#include <cstddef>
#include <cstdint>

namespace headrace::simulation {

/// Writes the bytes of peer `whose` from `offset` on.
void write_pattern(std::uint32_t whose, std::uint64_t offset, void* to, std::size_t size) noexcept;
/// Whether these are they.
[[nodiscard]] bool is_pattern(std::uint32_t whose, std::uint64_t offset, const void* bytes,
                              std::size_t size) noexcept;

}  // namespace headrace::simulation
