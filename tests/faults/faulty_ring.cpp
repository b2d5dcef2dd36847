// SPDX-License-Identifier: MIT
//
// The same for io_uring: these stand before liburing's functions of the same names, and call them.
// A plan may fail a call; by the seed, requests are changed before the kernel sees them, so that
// what comes back is what a kernel in order may say, only seldom does: a send is short, a request
// for many ends early, a receive finds no buffer, a cancel comes late, a poll tells of nothing. And
// the queues are short, so that completions overflow.
#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <dlfcn.h>
#include <liburing.h>

#include "faulty_calls.hpp"

namespace headrace::faults {

namespace {

constexpr std::uint16_t kNoSuchGroup = 77;

template <class Function>
Function* real(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct LateCancel {
  io_uring* ring;
  std::uint64_t target;
  std::uint64_t user_data;
};
thread_local std::vector<LateCancel> late;

void change(io_uring* ring, io_uring_sqe& request) {
  switch (request.opcode) {
    case IORING_OP_SEND:
      if (request.len > 1 && by_chance(2)) request.len = 1 + draw() % request.len;
      break;
    case IORING_OP_RECV:
      if (by_chance(2)) request.ioprio = 0;
      if (by_chance(8)) request.buf_group = kNoSuchGroup;
      break;
    case IORING_OP_ACCEPT:
      if (by_chance(2)) request.ioprio = 0;
      break;
    case IORING_OP_POLL_ADD:
    case IORING_OP_ASYNC_CANCEL: {
      if (!by_chance(4) || request.cancel_flags != 0) break;
      const std::uint64_t user_data = request.user_data;
      if (request.opcode == IORING_OP_ASYNC_CANCEL) late.push_back({ring, request.addr, user_data});
      io_uring_prep_nop(&request);
      request.user_data = user_data;
      break;
    }
    default:
      break;
  }
}

/// Changes what is about to be handed over.
void prepare(io_uring* ring) {
  for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; ++at)
    change(ring, ring->sq.sqes[at & ring->sq.ring_mask]);
  std::erase_if(late, [ring](const LateCancel& one) {
    if (one.ring != ring || !by_chance(2)) return false;
    io_uring_sqe* const request = io_uring_get_sqe(ring);
    if (request == nullptr) return false;
    io_uring_prep_cancel64(request, one.target, 0);
    request->user_data = one.user_data;
    return true;
  });
}

/// The error for this call, or 0.
int enter_fault() noexcept {
  const int planned = next_fault(Call::io_uring_enter);
  if (planned != 0) return planned;
  constexpr std::array kErrors{EINTR, EAGAIN, EBUSY};
  return by_chance(8) ? kErrors[draw() % kErrors.size()] : 0;
}

}  // namespace

}  // namespace headrace::faults

using namespace headrace::faults;

extern "C" {

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  if (const int error = next_fault(Call::io_uring_setup); error != 0) return -error;
  if (by_chance(2)) parameters->cq_entries = entries = 8;
  return real<decltype(io_uring_queue_init_params)>("io_uring_queue_init_params")(entries, ring,
                                                                                  parameters);
}

int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* wanted, unsigned flags) {
  if (const int error = next_fault(Call::io_uring_register); error != 0) return -error;
  return real<decltype(io_uring_register_buf_ring)>("io_uring_register_buf_ring")(ring, wanted,
                                                                                  flags);
}

void io_uring_queue_exit(io_uring* ring) {
  std::erase_if(late, [ring](const LateCancel& one) { return one.ring == ring; });
  real<decltype(io_uring_queue_exit)>("io_uring_queue_exit")(ring);
}

int io_uring_submit(io_uring* ring) {
  if (const int error = enter_fault(); error != 0) return -error;
  prepare(ring);
  return real<decltype(io_uring_submit)>("io_uring_submit")(ring);
}

int io_uring_submit_and_get_events(io_uring* ring) {
  if (const int error = enter_fault(); error != 0) return -error;
  prepare(ring);
  return real<decltype(io_uring_submit_and_get_events)>("io_uring_submit_and_get_events")(ring);
}

int io_uring_submit_and_wait(io_uring* ring, unsigned count) {
  if (const int error = enter_fault(); error != 0) return -error;
  prepare(ring);
  // Late is not never: with some to come, it does not wait for ever.
  if (!late.empty()) return io_uring_submit_and_get_events(ring);
  return real<decltype(io_uring_submit_and_wait)>("io_uring_submit_and_wait")(ring, count);
}

int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned count,
                                     __kernel_timespec* limit, sigset_t* signals) {
  if (const int error = enter_fault(); error != 0) return -error;
  prepare(ring);
  if (!late.empty()) return io_uring_submit_and_get_events(ring);
  return real<decltype(io_uring_submit_and_wait_timeout)>("io_uring_submit_and_wait_timeout")(
      ring, first, count, limit, signals);
}
}
