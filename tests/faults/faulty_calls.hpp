// SPDX-License-Identifier: MIT
//
// A kernel that fails when told to: linked instead of src/net/system_calls.cpp. Every call goes to
// the real kernel, but the plan may let the nth call of a kind fail, and cut reads and writes short
// and interrupt calls by a seed.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace headrace::faults {

enum class Call : std::uint8_t {
  socket,
  bind,
  listen,
  connect,
  accept4,
  getsockname,
  getpeername,
  getsockopt,
  setsockopt,
  shutdown,
  recv,
  send,
  recvmsg,
  sendmsg,
  recvmmsg,
  sendmmsg,
  close,
  duplicate,
  set_nonblocking,
  set_blocking,
  make_pipe,
  eventfd,
  read,
  write,
  unlink,
  chmod,
  fchmod,
  lstat,
  fstat,
  open_lock_file,
  lock_file,
  open_file,
  make_directory,
  remove_directory,
  select,
  poll,
  epoll_create1,
  epoll_ctl,
  epoll_wait,
  futex_wait,
  fork,
  waitpid,
  kill,
  pidfd_open,
  create_thread,
  map_memory,
  io_uring_setup,
  io_uring_register,
  io_uring_enter,
};
constexpr std::size_t kCalls = static_cast<std::size_t>(Call::io_uring_enter) + 1;

[[nodiscard]] std::string_view name_of(Call call) noexcept;

/// The errors that a kernel in order may give for `call` where headrace makes it (its manual page,
/// "ERRORS").
[[nodiscard]] std::span<const int> plausible_errors(Call call) noexcept;

struct Plan {
  Call call = Call::socket;
  std::uint32_t nth = 0;  // counted from 1; 0: none fails
  int error = 0;
  std::uint32_t seed = 0;  // 0: nothing is short or interrupted by chance
};

/// Forgets what was counted, and begins. Not while calls are being made.
void begin(const Plan& plan) noexcept;

/// How many calls of each kind there have been since `begin`.
[[nodiscard]] std::array<std::uint32_t, kCalls> counts() noexcept;

/// Whether the call that was to fail has come.
[[nodiscard]] bool has_struck() noexcept;

// For those who stand between headrace and the kernel.

/// Counts a call; the error that it is to have, or 0.
[[nodiscard]] int next_fault(Call call) noexcept;
/// A number from the seed; the order in which threads draw is theirs.
[[nodiscard]] std::uint32_t draw() noexcept;
/// By the seed, once in so many times; without a seed never.
[[nodiscard]] bool by_chance(std::uint32_t one_in) noexcept;

/// Called before every recv(2) if set: for what must happen just before a call.
void before_each_recv(void (*what)()) noexcept;
/// The same for write(2).
void before_each_write(void (*what)()) noexcept;

}  // namespace headrace::faults
