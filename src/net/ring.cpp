// SPDX-License-Identifier: MIT
//
// The real kernel behind ring.hpp: io_uring_setup(2), io_uring_register(2), io_uring_enter(2), and
// what they say where io_uring is missing or forbidden.
#include "net/ring.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>

#include "net/socket.hpp"
#include "net/system_calls.hpp"

namespace headrace::net {

namespace {

constexpr unsigned kDeferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
// Made on one thread and used on another, as the engines of workers are: the thread that enables it
// is the one issuer.
constexpr unsigned kAlways = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
constexpr unsigned kSparing = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;

/// Whether the administrator has switched it off (sysctl kernel.io_uring_disabled).
bool is_disabled() noexcept {
  const Socket file{sys::open_file("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC)};
  char value = '0';
  return file.is_open() && sys::read(file.descriptor(), &value, 1) == 1 && value != '0';
}

std::unexpected<Failure> why_none(int error) noexcept {
  if (error == ENOSYS)
    return fail(Errc::not_supported, "the kernel has no io_uring, or a seccomp filter hides it");
  if (error == EPERM || error == EACCES)
    return fail(Errc::not_supported, is_disabled()
                                         ? "io_uring is switched off: sysctl "
                                           "kernel.io_uring_disabled"
                                         : "io_uring is forbidden, by a seccomp filter or a "
                                           "security module");
  return fail_errno(error == ENOMEM ? "io_uring_setup: see ulimit -l" : "io_uring_setup", error);
}

}  // namespace

void Ring::close() noexcept {
  if (!is_open_) return;
  is_open_ = is_enabled_ = false;
  io_uring_queue_exit(&ring_);
  if (buffers_ != nullptr) sys::unmap_memory(buffers_, buffers_size_);
}

int Ring::set_up(const RingSizes& sizes, unsigned flags) noexcept {
  io_uring_params parameters{};
  parameters.flags = flags;
  parameters.cq_entries = sizes.completions;
  return io_uring_queue_init_params(sizes.submissions, &ring_, &parameters);
}

Result<> Ring::open(const RingSizes& sizes) noexcept {
  int answer = -EINVAL;
  if (sizes.allowed.has(RingFeature::deferred_work))
    answer = set_up(sizes, kAlways | kDeferred | IORING_SETUP_SUBMIT_ALL);
  const bool deferred = answer == 0;
  if (answer == -EINVAL) answer = set_up(sizes, kAlways | kSparing);
  if (answer == -EINVAL) answer = set_up(sizes, kAlways);
  if (answer < 0) return why_none(-answer);
  is_open_ = true;
  (void)io_uring_ring_dontfork(&ring_);  // a child has no use for it; without, it has a copy
  if (const auto probed = probe(sizes.allowed); !probed) return probed;
  if (!deferred) features_.remove(RingFeature::deferred_work);
  return register_buffers(sizes.buffers);
}

Result<> Ring::probe(RingFeatures allowed) noexcept {
  if ((ring_.features & IORING_FEAT_NODROP) == 0)
    return fail(Errc::not_supported, "io_uring here may lose completions (before Linux 5.5)");
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0)
    return fail(Errc::not_supported,
                "io_uring here cannot wait with a timeout (before Linux 5.11)");
  io_uring_probe* const known = io_uring_get_probe_ring(&ring_);
  if (known == nullptr)
    return fail(Errc::not_supported, "io_uring here cannot be asked what it has");
  struct Needed {
    int operation;
    const char* missing;
  };
  constexpr std::array kNeeded{
      Needed{IORING_OP_POLL_ADD, "io_uring here has no poll (IORING_OP_POLL_ADD)"},
      Needed{IORING_OP_ASYNC_CANCEL, "io_uring here has no cancel (IORING_OP_ASYNC_CANCEL)"},
      Needed{IORING_OP_ACCEPT, "io_uring here has no accept (IORING_OP_ACCEPT)"},
      Needed{IORING_OP_SEND, "io_uring here has no send (IORING_OP_SEND)"},
      Needed{IORING_OP_RECV, "io_uring here has no recv (IORING_OP_RECV)"}};
  const char* missing = nullptr;
  for (const Needed& one : kNeeded)
    if (missing == nullptr && io_uring_opcode_supported(known, one.operation) == 0)
      missing = one.missing;
  // The kernel tells of operations, not of their ways. These came with the same version as each
  // way did; that it is there is only sure once it has been used.
  features_ = allowed;
  if (io_uring_opcode_supported(known, IORING_OP_SEND_ZC) == 0)
    features_.remove(RingFeature::multishot_receive);
  if (io_uring_opcode_supported(known, IORING_OP_SOCKET) == 0)
    features_.remove(RingFeature::multishot_accept);
  io_uring_free_probe(known);
  if (missing != nullptr) return fail(Errc::not_supported, missing);
  return {};
}

Result<> Ring::register_buffers(unsigned count) noexcept {
  buffers_size_ = count * sizeof(io_uring_buf);
  void* const memory = sys::map_memory(buffers_size_, false);
  if (memory == nullptr) return fail(Errc::out_of_memory, "mmap");
  buffers_ = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_ring_init(buffers_);
  buffer_mask_ = io_uring_buf_ring_mask(count);
  io_uring_buf_reg wanted{};
  wanted.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  wanted.ring_entries = count;
  wanted.bgid = kBufferGroup;
  const int answer = io_uring_register_buf_ring(&ring_, &wanted, 0);
  if (answer == -EINVAL)
    return fail(Errc::not_supported, "io_uring here has no buffer rings (before Linux 5.19)");
  if (answer < 0) return fail_errno("io_uring_register", -answer);
  return {};
}

int Ring::enable() noexcept {
  // What io_uring_enable_rings would do: liburing 2.3 declares it and does not export it.
  const auto ring = static_cast<unsigned>(ring_.ring_fd);
  const int answer = io_uring_register(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  is_enabled_ = answer >= 0;
  return answer;
}

io_uring_sqe* Ring::submission_after_handing_over() noexcept {
  // EBUSY or EAGAIN: completions have piled up, or memory is short.
  if (!is_enabled_ && enable() < 0) return nullptr;
  (void)io_uring_submit(&ring_);
  return io_uring_get_sqe(&ring_);
}

void Ring::take_back(std::uint64_t user_data) const noexcept {
  for (unsigned at = *ring_.sq.khead; at != ring_.sq.sqe_tail; ++at) {
    io_uring_sqe& request = ring_.sq.sqes[at & ring_.sq.ring_mask];
    if (request.user_data != user_data) continue;
    io_uring_prep_nop(&request);
    io_uring_sqe_set_data64(&request, user_data);
  }
}

int Ring::submit_and_wait(int timeout_ms) noexcept {
  if (!is_enabled_)
    if (const int answer = enable(); answer < 0) return answer;
  int answer = 0;
  if (timeout_ms == 0) {
    answer = io_uring_submit_and_get_events(&ring_);
  } else if (timeout_ms < 0) {
    answer = io_uring_submit_and_wait(&ring_, 1);
  } else {
    __kernel_timespec limit{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000LL};
    io_uring_cqe* first = nullptr;
    answer = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  return answer >= 0 || answer == -ETIME ? 0 : answer;
}

}  // namespace headrace::net
