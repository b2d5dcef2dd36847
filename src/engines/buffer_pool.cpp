// SPDX-License-Identifier: MIT
//
// Blocks come from mmap(2) one by one, so a block that is returned really leaves the process, and
// of a block in use only the pages that were written to are in memory.
#include "engines/buffer_pool.hpp"

#include <utility>

#include "net/system_calls.hpp"

namespace headrace::detail {

namespace {
constexpr std::size_t kBlockSize = BufferPool::kHeadroom + BufferPool::kCapacity;
}

BufferPool::~BufferPool() { unmap_all(free_); }

BufferBlock* BufferPool::map_another() noexcept {
  auto* const block = static_cast<BufferBlock*>(sys::map_memory(kBlockSize, false));
  if (block == nullptr) return nullptr;
  block->pool = this;
  ++mapped_;
  return block;
}

void BufferPool::unmap_surplus() noexcept {
  BufferBlock* last = free_;
  for (std::size_t kept = 1; last != nullptr && kept < kept_; ++kept) last = last->next;
  if (last != nullptr) unmap_all(std::exchange(last->next, nullptr));
}

void BufferPool::unmap_all(BufferBlock* first) noexcept {
  while (first != nullptr) {
    sys::unmap_memory(std::exchange(first, first->next), kBlockSize);
    --mapped_;
  }
}

void give_back(BufferBlock* block) noexcept { block->pool->give(block); }

}  // namespace headrace::detail

namespace headrace {

// Not in the header: the constructors used here look at iterator concepts, and each translation
// unit that includes it would pay for that (4% of what the umbrella header costs).

ByteView bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string_view text_of(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace headrace
