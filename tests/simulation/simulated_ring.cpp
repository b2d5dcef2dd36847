// SPDX-License-Identifier: MIT
//
// headrace::net::Ring on the simulated kernel: its queues are plain memory, and `submit_and_wait`
// plays the kernel. Linked instead of src/net/ring.cpp. Not here: what requests do (requests.cpp).
#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "calls.hpp"
#include "net/ring.hpp"
#include "net/system_calls.hpp"
#include "requests.hpp"

namespace headrace::simulation {

namespace {

/// What is behind a Ring.
struct RingMemory {
  RingMemory(const net::Ring& of, const net::RingSizes& sizes)
      : owner{&of}, sqes(sizes.submissions), cqes(sizes.completions) {}

  const net::Ring* owner;
  std::vector<io_uring_sqe> sqes;
  std::vector<io_uring_cqe> cqes;
  unsigned submission_head = 0, submission_tail = 0, completion_head = 0, completion_tail = 0;
  std::unique_ptr<Requests> requests{};

  void show_to(io_uring& ring) noexcept {
    ring.sq.khead = &submission_head;
    ring.sq.ktail = &submission_tail;
    ring.sq.sqes = sqes.data();
    ring.sq.ring_entries = static_cast<unsigned>(sqes.size());
    ring.sq.ring_mask = ring.sq.ring_entries - 1;
    ring.cq.khead = &completion_head;
    ring.cq.ktail = &completion_tail;
    ring.cq.cqes = cqes.data();
    ring.cq.ring_entries = static_cast<unsigned>(cqes.size());
    ring.cq.ring_mask = ring.cq.ring_entries - 1;
  }
};

std::vector<std::unique_ptr<RingMemory>> rings;

Requests& behind(const net::Ring& ring) noexcept {
  return *(*std::ranges::find(rings, &ring, &RingMemory::owner))->requests;
}

}  // namespace
}  // namespace headrace::simulation

namespace headrace::net {

using namespace simulation;

Result<> Ring::open(const RingSizes& sizes) noexcept {
  features_ = sizes.allowed;
  buffers_size_ = sizes.buffers * sizeof(io_uring_buf);
  buffers_ = static_cast<io_uring_buf_ring*>(sys::map_memory(buffers_size_, false));
  if (buffers_ == nullptr) return fail(Errc::out_of_memory, "mmap");
  buffer_mask_ = static_cast<int>(sizes.buffers - 1);
  auto memory = std::make_unique<RingMemory>(*this, sizes);
  memory->show_to(ring_);
  memory->requests = std::make_unique<Requests>(enter(), ring_, *buffers_, sizes.buffers);
  rings.push_back(std::move(memory));
  is_open_ = true;
  return {};
}

void Ring::close() noexcept {
  if (!is_open_) return;
  is_open_ = is_enabled_ = false;
  std::erase_if(rings, [this](const auto& one) { return one->owner == this; });
  if (rings.empty()) rings.shrink_to_fit();  // what is left of a run is counted
  sys::unmap_memory(buffers_, buffers_size_);
}

void Ring::take_back(std::uint64_t user_data) const noexcept {
  const io_uring_sq& queue = ring_.sq;
  for (unsigned left = queue.sqe_tail - queue.sqe_head; left != 0; --left) {
    io_uring_sqe& filled = queue.sqes[(queue.sqe_tail - left) & queue.ring_mask];
    if (filled.user_data == user_data) filled.opcode = IORING_OP_NOP;
  }
}

io_uring_sqe* Ring::submission_after_handing_over() noexcept {
  (void)enter();
  (void)behind(*this).submit();
  return io_uring_get_sqe(&ring_);
}

int Ring::submit_and_wait(int timeout_ms) noexcept {
  Kernel& kernel = enter();
  is_enabled_ = true;
  Requests& requests = behind(*this);
  kernel.waits_again();
  int answer = requests.submit();
  if (answer == 0 && kernel.strikes(kernel.faults.interrupted)) answer = -EINTR;
  if (answer == 0) (void)kernel.wait(timeout_ms, [&requests] { return requests.look(); });
  return kernel.told("io_uring_enter", 0, timeout_ms, answer);
}

}  // namespace headrace::net
