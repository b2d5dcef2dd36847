// SPDX-License-Identifier: MIT
//
// The replaceable operators, on malloc(3). The program has one thread.
#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

std::int64_t live = 0;

void* allocate(std::size_t size) noexcept {
  void* const memory = std::malloc(size != 0 ? size : 1);
  if (memory != nullptr) ++live;
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

std::int64_t headrace::simulation::live_allocations() noexcept { return live; }

void* operator new(std::size_t size) {
  void* const memory = allocate(size);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto wanted = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(wanted, (size + wanted - 1) / wanted * wanted);
  if (memory == nullptr) throw std::bad_alloc{};
  ++live;
  return memory;
}

void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
