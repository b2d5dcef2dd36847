// SPDX-License-Identifier: MIT
//
// The buffers that io_uring receives into: lent to the kernel, which fills one when bytes have
// come, then to whoever receives them, and then to the kernel again. Not here: the queue that they
// are handed over by (src/net/ring.hpp).
//
// Few of them, so that they stay in the cache; more only as they are found to be short. And no peer
// can drain them for the others: when half of all that there may be are with receivers, bytes are
// copied to memory of their size, and the buffer goes home at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engines/buffer_pool.hpp"
#include "headrace/result.hpp"
#include "net/ring.hpp"

namespace headrace::detail {

/// What lies in front of received bytes, in the headroom.
struct ReceivedBlock : BufferBlock {
  std::uint32_t size;  // of the bytes, while nobody has asked for them
  std::uint16_t id;    // of a buffer of the ring
};
static_assert(sizeof(ReceivedBlock) <= BufferPool::kHeadroom);

class RingBuffers {
 public:
  static constexpr std::uint32_t kSize = 16 * 1024;  // smaller ones cost more on big messages

  explicit RingBuffers(net::Ring& ring) noexcept : ring_{ring} {}
  RingBuffers(const RingBuffers&) = delete;
  RingBuffers& operator=(const RingBuffers&) = delete;
  ~RingBuffers();

  /// Gives the kernel the first of `most`.
  Result<> prepare(unsigned most) noexcept;

  /// The kernel has put `size` bytes into buffer `id`: where they are now.
  BufferBlock* lend(unsigned id, std::uint32_t size) noexcept {
    ReceivedBlock* const block = at(id);
    if (--spare_ < 0) [[unlikely]]
      return lend_when_few(block, size);
    return block;
  }
  /// The same for bytes that nobody has asked for: they are no reason to have more buffers.
  BufferBlock* keep(unsigned id, std::uint32_t size) noexcept {
    ReceivedBlock* const block = at(id);
    return --spare_ < 0 ? copied_home(block, size) : block;
  }

  /// Gives the kernel what was given back.
  void bring_home() noexcept {
    if (BufferBlock* const first = given_.take_all_given()) bring_home_from(first);
    if (has_copies_) [[unlikely]]
      free_copies();
  }

  /// A receive has found none: there are to be more.
  void ran_dry() noexcept { grow(); }

  /// How many the kernel has.
  [[nodiscard]] unsigned in_ring() const noexcept { return static_cast<unsigned>(few_ + spare_); }

 private:
  static constexpr unsigned kFirst = 16;
  static constexpr std::size_t kStride = BufferPool::kHeadroom + kSize;

  [[nodiscard]] ReceivedBlock* at(unsigned id) const noexcept {
    return reinterpret_cast<ReceivedBlock*>(memory_ + id * kStride);
  }
  static void give(net::Ring::Giving& giving, ReceivedBlock* block) noexcept {
    giving.give(BufferPool::bytes_in(block), kSize, block->id);
  }
  void bring_home_from(BufferBlock* first) noexcept;
  [[gnu::noinline]] BufferBlock* lend_when_few(ReceivedBlock* block, std::uint32_t size) noexcept;
  BufferBlock* copied_home(ReceivedBlock* block, std::uint32_t size) noexcept;
  void grow() noexcept;
  void free_copies() noexcept;

  net::Ring& ring_;
  std::byte* memory_ = nullptr;
  unsigned most_ = 0;
  unsigned stock_ = 0;  // so many are in use, by the kernel or by receivers
  int few_ = 0;         // half of them
  int spare_ = 0;       // how many more than those are with the kernel
  bool has_copies_ = false;
  BufferPool given_;   // where buffers come back to
  BufferPool copies_;  // where copies do
};

}  // namespace headrace::detail
