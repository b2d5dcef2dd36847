// SPDX-License-Identifier: MIT
//
// io_uring(7), through liburing: two queues shared with the kernel, and a ring of buffers from
// which it takes one when bytes have come. As system_calls.hpp is for calls, this is the one place
// for them: everything that the io_uring engine asks of the kernel or is answered goes through a
// Ring.
//
// What runs for each message is in line and touches only the memory that `ring_` and `buffers_`
// point to; what calls the kernel is in ring.cpp. So tests link another ring.cpp, which points them
// at memory of its own and plays the kernel in `submit_and_wait`. Not here: what a submission means
// (src/engines/io_uring_operations.cpp).
#pragma once

#include <cstdint>

#include <liburing.h>

#include "headrace/result.hpp"

namespace headrace::net {

/// What a kernel may lack and the engine can do without.
enum class RingFeature : std::uint8_t {
  deferred_work = 1,      // IORING_SETUP_DEFER_TASKRUN, SINGLE_ISSUER: work when we ask (6.1)
  multishot_receive = 2,  // one submission, many completions (6.0)
  multishot_accept = 4,   // likewise (5.19)
};

/// A set of them.
struct RingFeatures {
  std::uint8_t bits = 0;

  [[nodiscard]] constexpr bool has(RingFeature one) const noexcept {
    return (bits & static_cast<std::uint8_t>(one)) != 0;
  }
  constexpr void remove(RingFeature one) noexcept {
    bits = static_cast<std::uint8_t>(bits & ~static_cast<unsigned>(one));
  }
};
constexpr RingFeatures kAllRingFeatures{7};

/// How large a Ring is. Powers of two.
struct RingSizes {
  unsigned submissions = 256;  // in one batch; more are handed over at once
  unsigned completions = 1024;
  unsigned buffers = 256;
  RingFeatures allowed = kAllRingFeatures;  // less: as if the kernel lacked the others
};

class Ring {
 public:
  Ring() noexcept = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { close(); }

  /// Sets it up and asks the kernel what it can. Failures: `not_supported`, and `call` says what
  /// is missing or forbidden; `too_many_descriptors`, `out_of_memory`.
  ///
  /// Belongs to the thread that first calls `submit_and_wait`.
  [[nodiscard]] Result<> open(const RingSizes& sizes) noexcept;

  /// The kernel lets go of everything.
  void close() noexcept;
  /// Whether anything can have been handed over.
  [[nodiscard]] bool is_enabled() const noexcept { return is_enabled_; }
  [[nodiscard]] RingFeatures features() const noexcept { return features_; }
  /// The kernel has refused one: it is done without from now on.
  void lacks(RingFeature one) noexcept { features_.remove(one); }

  // Submissions: what is filled in goes to the kernel with the next `submit_and_wait`.

  /// One to be filled in. When the queue is full it is handed over first; null when the kernel
  /// takes none either: a later turn will do.
  io_uring_sqe* next_submission() noexcept {
    io_uring_sqe* const free = free_submission();
    return free != nullptr ? free : submission_after_handing_over();
  }
  /// The same, but null when the queue is full.
  io_uring_sqe* free_submission() noexcept {
    // io_uring_get_sqe, without what only other kinds of rings need; where the kernel is, is asked
    // only when all that were known to be free are filled in.
    io_uring_sq& queue = ring_.sq;
    const unsigned at = queue.sqe_tail;
    if (static_cast<int>(at - free_until_) >= 0) [[unlikely]] {
      free_until_ = *queue.khead + queue.ring_entries;
      if (free_until_ == at) return nullptr;
    }
    queue.sqe_tail = at + 1;
    return &queue.sqes[at & queue.ring_mask];
  }

  /// What was filled in with this `user_data` and not handed over yet completes as nothing.
  void take_back(std::uint64_t user_data) const noexcept;  // the queue is no part of us

  /// Hands over what was filled in and waits for a completion, at most so long (-1: for ever; 0:
  /// not at all, but completions that are due are made). 0 or a negative errno; a timeout is no
  /// error.
  int submit_and_wait(int timeout_ms) noexcept;

  // Completions.

  /// Calls `visit` for each that is there. One that comes meanwhile waits for the next time.
  template <class Visit>
  [[gnu::always_inline]] void take_completions(Visit visit) noexcept {
    const io_uring_cqe* const all = ring_.cq.cqes;
    const unsigned mask = ring_.cq.ring_mask;
    const unsigned end = io_uring_smp_load_acquire(ring_.cq.ktail);
    for (unsigned at = *ring_.cq.khead; at != end; ++at) visit(all[at & mask]);
    // Those that come meanwhile, if there is no place for them, the kernel keeps.
    io_uring_smp_store_release(ring_.cq.khead, end);
  }

  // Buffers for receives that name the group kBufferGroup.

  static constexpr std::uint16_t kBufferGroup = 0;

  /// Puts buffers where the kernel finds them, all at once when this ends.
  class Giving {
   public:
    explicit Giving(Ring& to) noexcept
        : to_{to}, tail_{to.buffers_->tail}, mask_{static_cast<unsigned>(to.buffer_mask_)} {}
    Giving(const Giving&) = delete;
    Giving& operator=(const Giving&) = delete;
    ~Giving() { io_uring_smp_store_release(&to_.buffers_->tail, static_cast<__u16>(tail_)); }

    void give(void* bytes, std::uint32_t size, std::uint16_t id) noexcept {
      // Not all of an entry: the tail lies in the first one.
      io_uring_buf& place = to_.buffers_->bufs[tail_++ & mask_];
      place.addr = reinterpret_cast<std::uintptr_t>(bytes);
      place.len = size;
      place.bid = id;
    }

   private:
    Ring& to_;
    unsigned tail_;
    unsigned mask_;
  };

 private:
  [[gnu::noinline, gnu::cold]] io_uring_sqe* submission_after_handing_over() noexcept;
  int set_up(const RingSizes& sizes, unsigned flags) noexcept;
  Result<> probe(RingFeatures allowed) noexcept;
  Result<> register_buffers(unsigned count) noexcept;
  int enable() noexcept;

  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  int buffer_mask_ = 0;
  unsigned free_until_ = 0;  // submissions before it are known to be free
  std::size_t buffers_size_ = 0;
  RingFeatures features_{};
  bool is_open_ = false;
  bool is_enabled_ = false;
};

}  // namespace headrace::net
