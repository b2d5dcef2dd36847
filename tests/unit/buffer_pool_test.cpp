// SPDX-License-Identifier: MIT
#include "engines/buffer_pool.hpp"

#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace headrace::detail {
namespace {

/// Whether the kernel still has memory there.
bool is_mapped(const void* at) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  void* const start = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(at) & ~(page - 1));
  return ::msync(start, 1, MS_ASYNC) == 0;
}

Buffer lend(BufferPool& pool, std::uint32_t size) {
  return Buffer{Lease{pool.take(), BufferPool::kHeadroom, size}};
}

TEST(BufferPoolTest, BlocksAreDistinctAndWritableToTheEnd) {
  BufferPool pool;
  std::set<BufferBlock*> blocks;
  for (int count = 0; count < 20; ++count) {
    BufferBlock* const block = pool.take();
    ASSERT_NE(block, nullptr);
    std::memset(BufferPool::bytes_in(block), count, BufferPool::kCapacity);
    blocks.insert(block);
  }
  EXPECT_EQ(blocks.size(), 20U);
  for (BufferBlock* const block : blocks) pool.give(block);
}

TEST(BufferPoolTest, BlocksBeginAtDifferentPlacesOfAPage) {
  BufferPool pool;
  std::vector<BufferBlock*> blocks;
  std::set<std::uintptr_t> places;
  for (std::size_t count = 0; count < BufferPool::kPlaces; ++count) {
    blocks.push_back(pool.take());
    const auto at = reinterpret_cast<std::uintptr_t>(blocks.back());
    EXPECT_EQ(at % 64, 0U) << "a line of the cache";
    places.insert(at % 4096);
  }
  EXPECT_EQ(places.size(), BufferPool::kPlaces);
  for (BufferBlock* const block : blocks) pool.give(block);
}

TEST(BufferPoolTest, TheLastBackIsTheFirstOut) {
  BufferPool pool;
  BufferBlock* const first = pool.take();
  BufferBlock* const second = pool.take();
  pool.give(first);
  pool.give(second);
  EXPECT_EQ(pool.take(), second);
  EXPECT_EQ(pool.take(), first);
  pool.give(first);
  pool.give(second);
}

TEST(BufferPoolTest, TrimmedKeepsAFewAndReturnsTheRestToTheKernel) {
  std::vector<BufferBlock*> blocks;
  {
    BufferPool pool;
    for (std::size_t count = 0; count < 2 * BufferPool::kKept; ++count)
      blocks.push_back(pool.take());
    for (BufferBlock* const block : blocks) pool.give(block);
    pool.trim();
    pool.trim();
    std::size_t mapped = 0;
    for (const BufferBlock* const block : blocks) mapped += is_mapped(block);
    EXPECT_EQ(mapped, BufferPool::kKept);
  }
  for (const BufferBlock* const block : blocks) EXPECT_FALSE(is_mapped(block));
}

TEST(BufferPoolTest, TrimmedWhileAllAreLentKeepsThem) {
  BufferPool pool;
  std::vector<BufferBlock*> blocks;
  for (std::size_t count = 0; count < 2 * BufferPool::kKept; ++count) blocks.push_back(pool.take());
  pool.trim();
  for (const BufferBlock* const block : blocks) EXPECT_TRUE(is_mapped(block));
  pool.give(blocks.back());
  blocks.pop_back();
  pool.trim();
  blocks.push_back(pool.take());
  EXPECT_NE(blocks.back(), nullptr);
  for (BufferBlock* const block : blocks) pool.give(block);
}

TEST(BufferPoolTest, ABufferGivesItsBlockBackOnce) {
  BufferPool pool;
  BufferBlock* block = nullptr;
  {
    Buffer buffer = lend(pool, 5);
    block = reinterpret_cast<BufferBlock*>(const_cast<std::byte*>(buffer.data()) -
                                           BufferPool::kHeadroom);
    EXPECT_EQ(buffer.size(), 5U);
    EXPECT_EQ(buffer.end() - buffer.begin(), 5);
    const Buffer moved = std::move(buffer);
    EXPECT_EQ(moved.size(), 5U);
  }
  EXPECT_EQ(pool.take(), block);
  BufferBlock* const other = pool.take();
  EXPECT_NE(other, block);
  pool.give(block);
  pool.give(other);
}

TEST(BufferPoolTest, AssigningABufferGivesTheOldBlockBack) {
  BufferPool pool;
  Buffer kept = lend(pool, 1);
  const std::byte* const old = kept.data();
  kept = lend(pool, 2);
  EXPECT_EQ(kept.size(), 2U);
  Buffer& same = kept;
  kept = std::move(same);
  EXPECT_EQ(kept.size(), 2U) << "assigned to itself it stays what it is";
  EXPECT_EQ(lend(pool, 3).data(), old);
}

TEST(BufferPoolTest, TextAndBytesAreTwoViewsOfTheSame) {
  using namespace std::string_view_literals;
  EXPECT_EQ(text_of(bytes_of("a\0b"sv)), "a\0b"sv);
  EXPECT_TRUE(bytes_of("").empty());
}

}  // namespace
}  // namespace headrace::detail
