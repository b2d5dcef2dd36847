// SPDX-License-Identifier: MIT
//
// The memory that receives are read into: blocks lent out and given back, the last one back being
// the first one out, so that a busy loop reads into memory that is still in the cache. Not
// thread-safe: one pool an engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "headrace/buffer.hpp"

namespace headrace::detail {

class BufferPool;

/// The head of a block; the bytes begin `BufferPool::kHeadroom` behind it.
struct BufferBlock {
  BufferPool* pool;
  BufferBlock* next;  // while it is free
};

class BufferPool {
 public:
  static constexpr std::uint32_t kHeadroom =
      192;  // a block's head, and an address beside the bytes
  static constexpr std::uint32_t kCapacity = 65536;  // bytes; a bigger read is not cheaper by byte
  /// Blocks begin at so many different places of a page.
  static constexpr std::size_t kPlaces = 61;
  static constexpr std::size_t kKept =
      8;  // free blocks not returned to the kernel: 0.5 MiB at most

  BufferPool() noexcept = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// A free block; null when the kernel has no memory.
  BufferBlock* take() noexcept {
    BufferBlock* const block = free_;
    if (block == nullptr) [[unlikely]]
      return map_another();
    free_ = block->next;
    return block;
  }

  void give(BufferBlock* block) noexcept {
    block->next = free_;
    free_ = block;
  }

  /// A block that was given back; null when there is none. Maps nothing: for a pool that others'
  /// blocks come home to.
  BufferBlock* take_given() noexcept {
    BufferBlock* const block = free_;
    if (block != nullptr) free_ = block->next;
    return block;
  }

  /// All of them, as a list.
  BufferBlock* take_all_given() noexcept { return std::exchange(free_, nullptr); }

  /// From now on so many are kept beyond those: who takes many at a time will again.
  void keep(std::size_t more) noexcept { kept_ = kKept + more; }

  /// Returns free blocks beyond those kept to the kernel. To be called now and then: once a turn.
  void trim() noexcept {
    if (mapped_ > kept_) [[unlikely]]
      unmap_surplus();
  }

  static std::byte* bytes_in(BufferBlock* block) noexcept {
    return reinterpret_cast<std::byte*>(block) + kHeadroom;
  }

 private:
  [[gnu::noinline, gnu::cold]] BufferBlock* map_another() noexcept;
  void unmap_surplus() noexcept;
  void unmap_all(BufferBlock* first) noexcept;

  BufferBlock* free_ = nullptr;
  std::size_t mapped_ = 0;  // free and lent
  std::size_t place_ = 0;   // of the next one
  std::size_t kept_ = kKept;
};

}  // namespace headrace::detail
