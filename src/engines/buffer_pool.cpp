// SPDX-License-Identifier: MIT
//
// Blocks come from mmap(2) one by one, so a block that is returned really leaves the process, and of a block in use
// only the pages that were written to are in memory.
#include "engines/buffer_pool.hpp"

#include "net/system_calls.hpp"

namespace headrace::detail {

namespace {
constexpr std::size_t kBlockSize = BufferPool::kHeadroom + BufferPool::kCapacity;
}

BufferPool::~BufferPool() {
  while (free_ != nullptr) {
    BufferBlock* const block = free_;
    free_ = block->next;
    unmap(block);
  }
}

BufferBlock* BufferPool::map_another() noexcept {
  auto* const block = static_cast<BufferBlock*>(sys::map_memory(kBlockSize, false));
  if (block != nullptr) block->pool = this;
  return block;
}

void BufferPool::unmap(BufferBlock* block) noexcept { sys::unmap_memory(block, kBlockSize); }

void give_back(BufferBlock* block) noexcept { block->pool->give(block); }

}  // namespace headrace::detail
