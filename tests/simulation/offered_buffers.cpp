// SPDX-License-Identifier: MIT
//
// What is wrong with a buffer shows when it is put in.
#include "offered_buffers.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace headrace::simulation {

bool OfferedBuffers::is_mapped(std::uint64_t address, std::uint64_t size) const noexcept {
  return std::ranges::any_of(kernel_.mapped, [=](const auto& piece) {
    const auto begin = reinterpret_cast<std::uintptr_t>(piece.first);
    return begin <= address && address + size <= begin + piece.second;
  });
}

void OfferedBuffers::judge(const io_uring_buf& buffer) noexcept {
  if (buffer.bid >= known_.size())
    return kernel_.complain("a buffer has a number that there is not");
  Known& known = known_[buffer.bid];
  const std::string name = "buffer " + std::to_string(buffer.bid);
  if (known.is_offered) return kernel_.complain(name + " is given back twice");
  if (known.address != 0 && known.address != buffer.addr)
    return kernel_.complain(name + " is given back as another");
  if (!is_mapped(buffer.addr, buffer.len))
    return kernel_.complain(name + " lies where no memory is");
  known = {.address = buffer.addr, .is_offered = true};
  constexpr std::size_t kScribbled = 64;
  std::memset(reinterpret_cast<void*>(buffer.addr), 0xDB,
              std::min<std::size_t>(buffer.len, kScribbled));
}

void OfferedBuffers::look() noexcept {
  const std::uint16_t end = ring_.tail;
  for (; seen_ != end; ++seen_)  // when something is wrong, the server still is to come to its end
    if (kernel_.wrong().empty()) judge(ring_.bufs[seen_ & mask_]);
}

unsigned OfferedBuffers::take() noexcept {
  const unsigned id = next().bid;
  known_[id].is_offered = false;
  ++taken_;
  return id;
}

}  // namespace headrace::simulation
