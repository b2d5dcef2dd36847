// SPDX-License-Identifier: MIT
//
// What happens to buffers when they are few. Not here: how they are lent, which is in line.
#include "engines/io_uring_buffers.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#include "net/system_calls.hpp"

namespace headrace::detail {

RingBuffers::~RingBuffers() {
  (void)given_.take_all_given();  // they lie in `memory_`
  free_copies();
  if (memory_ != nullptr) sys::unmap_memory(memory_, most_ * kStride);
}

Result<> RingBuffers::prepare(unsigned most) noexcept {
  most_ = most;
  memory_ = static_cast<std::byte*>(sys::map_memory(most_ * kStride, false));
  if (memory_ == nullptr) return fail(Errc::out_of_memory, "mmap");
  grow();
  return {};
}

void RingBuffers::grow() noexcept {
  const unsigned wanted = std::min(stock_ == 0 ? kFirst : 2 * stock_, most_);
  const unsigned had = in_ring() + (wanted - stock_);
  net::Ring::Giving giving{ring_};
  for (; stock_ < wanted; ++stock_) {
    auto* const block = new (at(stock_)) ReceivedBlock{};
    block->pool = &given_;
    block->id = static_cast<std::uint16_t>(stock_);
    give(giving, block);
  }
  few_ = static_cast<int>(stock_ / 2);
  spare_ = static_cast<int>(had) - few_;
}

void RingBuffers::bring_home_from(BufferBlock* first) noexcept {
  net::Ring::Giving giving{ring_};
  int count = 0;
  for (BufferBlock* block = first; block != nullptr; block = block->next, ++count)
    give(giving, static_cast<ReceivedBlock*>(block));
  spare_ += count;
}

BufferBlock* RingBuffers::lend_when_few(ReceivedBlock* block, std::uint32_t size) noexcept {
  bring_home();
  if (spare_ < 0) grow();
  return spare_ < 0 ? copied_home(block, size) : block;
}

/// A copy of what is in `block`, which goes home; without memory it is lent all the same.
BufferBlock* RingBuffers::copied_home(ReceivedBlock* block, std::uint32_t size) noexcept {
  void* const memory = std::malloc(BufferPool::kHeadroom + size);
  if (memory == nullptr) return block;
  auto* const copy = new (memory) ReceivedBlock{};
  copy->pool = &copies_;
  std::memcpy(BufferPool::bytes_in(copy), BufferPool::bytes_in(block), size);
  has_copies_ = true;
  net::Ring::Giving giving{ring_};
  give(giving, block);
  ++spare_;
  return copy;
}

void RingBuffers::free_copies() noexcept {
  while (BufferBlock* const copy = copies_.take_given()) std::free(copy);
}

}  // namespace headrace::detail
