// SPDX-License-Identifier: MIT
//
// Received bytes, in memory lent by the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace headrace {

/// Bytes somebody else owns; must stay valid as long as the callee says.
using ByteView = std::span<const std::byte>;

/// The bytes of a text, without a terminating NUL. Borrows `text`.
[[nodiscard]] ByteView bytes_of(std::string_view text) noexcept;

/// The same bytes as characters, whatever their encoding.
[[nodiscard]] std::string_view text_of(ByteView bytes) noexcept;

namespace detail {

struct BufferBlock;

/// A stretch of a block lent out: what an operation holds until its awaiter takes it.
struct Lease {
  BufferBlock* block;   // null: nothing lent
  std::uint32_t begin;  // first byte, counted from the start of the block
  std::uint32_t size;
};
static_assert(sizeof(Lease) == 16);

void give_back(BufferBlock* block) noexcept;

}  // namespace detail

/// A lease on received bytes; gives the memory back when destroyed. Never empty unless moved from.
///
/// Belongs to the engine that filled it: destroy it on that engine's thread and before that engine.
/// Holding it costs the engine a buffer (64 KiB of address space), so copy out what is kept for
/// long.
class Buffer {
 public:
  explicit Buffer(detail::Lease lease) noexcept : lease_{lease} {}
  Buffer(Buffer&& other) noexcept : lease_{std::exchange(other.lease_, {})} {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this == &other) return *this;
    if (lease_.block != nullptr) detail::give_back(lease_.block);
    lease_ = std::exchange(other.lease_, {});
    return *this;
  }
  ~Buffer() {
    if (lease_.block != nullptr) detail::give_back(lease_.block);
  }

  [[nodiscard]] const std::byte* data() const noexcept {
    return reinterpret_cast<const std::byte*>(lease_.block) + lease_.begin;
  }
  [[nodiscard]] std::size_t size() const noexcept { return lease_.size; }
  [[nodiscard]] const std::byte* begin() const noexcept { return data(); }
  [[nodiscard]] const std::byte* end() const noexcept { return data() + size(); }

 protected:
  detail::Lease lease_;
};

}  // namespace headrace
