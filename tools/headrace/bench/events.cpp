// SPDX-License-Identifier: MIT
//
// epoll_pwait2(2), Linux 5.11, waits in nanoseconds; before it, epoll_wait in whole milliseconds,
// which are rounded down: then the last of them is spent asking again and again.
#include "bench/events.hpp"

#include <algorithm>
#include <cerrno>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kGlance = 50 * kMillisecond;

}  // namespace

Result<Events> Events::open(std::size_t batch) {
  net::Socket list{sys::epoll_create1(EPOLL_CLOEXEC)};
  if (!list.is_open()) return fail_errno("epoll_create1", -list.descriptor());
  return Events{std::move(list), batch};
}

int Events::watch(int descriptor, std::uint64_t key, std::uint32_t what) noexcept {
  epoll_event event{.events = what, .data = {.u64 = key}};
  return sys::epoll_ctl(list_.descriptor(), EPOLL_CTL_ADD, descriptor, &event);
}

int Events::change(int descriptor, std::uint64_t key, std::uint32_t what) noexcept {
  epoll_event event{.events = what, .data = {.u64 = key}};
  return sys::epoll_ctl(list_.descriptor(), EPOLL_CTL_MOD, descriptor, &event);
}

std::span<const epoll_event> Events::wait(std::int64_t nanoseconds) noexcept {
  const std::int64_t room = std::clamp<std::int64_t>(nanoseconds, 0, kGlance);
  const int capacity = static_cast<int>(events_.size());
  int count = 0;
  if (exact_) {
    const timespec limit{.tv_sec = 0, .tv_nsec = room};
    count = ::epoll_pwait2(list_.descriptor(), events_.data(), capacity, &limit, nullptr);
    if (count < 0 && errno == ENOSYS) exact_ = false;
  }
  if (!exact_)
    count = sys::epoll_wait(list_.descriptor(), events_.data(), capacity,
                            static_cast<int>(room / kMillisecond));
  return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
}

}  // namespace headrace::bench
