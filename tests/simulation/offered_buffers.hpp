// SPDX-License-Identifier: MIT
//
// The ring of buffers that an io_uring engine puts in for the kernel, as the kernel sees it: which
// of them it may fill, and whether each is really there and was not there already. Not here: who
// receives into them (requests.cpp).
#pragma once

#include <cstdint>
#include <vector>

#include <liburing.h>

#include "kernel.hpp"

namespace headrace::simulation {

class OfferedBuffers {
 public:
  /// `ring` has room for `count`, a power of two.
  OfferedBuffers(Kernel& kernel, io_uring_buf_ring& ring, unsigned count)
      : kernel_{kernel}, ring_{ring}, mask_{count - 1}, known_(count) {}

  /// Takes note of those that have been put in. What the kernel has it may write to at any time, so
  /// it does: whoever still reads one that he gave back reads something else.
  void look() noexcept;
  /// No buffer is left: bytes may wait for one.
  [[nodiscard]] bool is_dry() const noexcept { return taken_ == seen_; }
  /// The next one, unless it is dry.
  [[nodiscard]] const io_uring_buf& next() const noexcept { return ring_.bufs[taken_ & mask_]; }
  /// It is the engine's again; its id.
  unsigned take() noexcept;

 private:
  struct Known {
    std::uint64_t address = 0;  // 0: never seen
    bool is_offered = false;
  };

  void judge(const io_uring_buf& buffer) noexcept;
  [[nodiscard]] bool is_mapped(std::uint64_t address, std::uint64_t size) const noexcept;

  Kernel& kernel_;
  io_uring_buf_ring& ring_;
  unsigned mask_;
  std::uint16_t seen_ = 0, taken_ = 0;
  std::vector<Known> known_;  // by id
};

}  // namespace headrace::simulation
