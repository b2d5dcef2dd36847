// SPDX-License-Identifier: MIT
//
// Blocks come from mmap(2) one by one, so a block that is returned really leaves the process, and
// of a block in use only the pages that were written to are in memory.
//
// A mapping begins with a page, and a first-level cache finds a byte by its place in the page: 32
// blocks that all began there would share a few lines of it. So each begins somewhere else, in the
// room that rounding up to whole pages leaves anyway.
#include "engines/buffer_pool.hpp"

#include <cstdint>
#include <utility>

#include "net/system_calls.hpp"

namespace headrace::detail {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kStep = 23;  // places; as there is a prime number of them, it meets all
constexpr std::size_t kMapped =
    BufferPool::kHeadroom + BufferPool::kCapacity + (BufferPool::kPlaces - 1) * kLine;
constexpr std::uintptr_t kSmallestPage = 4096;
static_assert(BufferPool::kPlaces * kLine <= kSmallestPage);

void unmap(BufferBlock* block) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(block);
  auto* const begin = reinterpret_cast<std::byte*>(block) - at % kSmallestPage;
  sys::unmap_memory(begin, kMapped);
}

}  // namespace

BufferPool::~BufferPool() { unmap_all(free_); }

BufferBlock* BufferPool::map_another() noexcept {
  auto* const begin = static_cast<std::byte*>(sys::map_memory(kMapped, false));
  if (begin == nullptr) return nullptr;
  auto* const block = reinterpret_cast<BufferBlock*>(begin + place_ * kLine);
  place_ = (place_ + kStep) % kPlaces;
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
    unmap(std::exchange(first, first->next));
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
