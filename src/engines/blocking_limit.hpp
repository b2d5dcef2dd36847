// SPDX-License-Identifier: MIT
//
// How long an operation of the blocking engine may still take: what the kernel is asked to keep
// (SO_RCVTIMEO, SO_SNDTIMEO), and what has to be checked against the clock when a call has returned
// for another reason.
#pragma once

#include <algorithm>

#include "engines/socket_record.hpp"
#include "net/system_calls.hpp"

namespace headrace::detail {

/// Reads the clock only when something has come in between.
class TimeLimit {
 public:
  static constexpr std::int64_t kNone = 0;

  /// `idle`: the engine's idle timeout in ns, or kNone.
  TimeLimit(const Operation& operation, const SocketRecord& socket, std::int64_t idle) noexcept
      : idle_{operation.deadline.is_never()}, moved_{bytes_moved(socket)} {
    const std::int64_t given = operation.deadline.resolve({}).time_since_epoch().count();
    if (operation.deadline.is_absolute()) {
      expires_ = given;
      wanted_ = std::max(std::int64_t{1}, given - sys::monotonic_ns());
    } else {
      wanted_ = idle_ ? idle : std::max(std::int64_t{1}, given);
    }
    total_ = wanted_;
  }

  /// What the kernel is to be asked for, in ns; kNone for no limit.
  [[nodiscard]] std::int64_t wanted() const noexcept { return wanted_; }

  /// The kernel's own limit is shorter: that it has passed will prove nothing.
  void distrust_kernel() noexcept {
    if (expires_ == kNone) expires_ = sys::monotonic_ns() + wanted_;
  }

  /// From here on the time counts as a whole, whatever is done meanwhile.
  void start_clock() noexcept {
    if (total_ != kNone && !idle_ && expires_ == kNone) expires_ = sys::monotonic_ns() + wanted_;
  }

  /// The kernel's limit has `expired`, or something else has come in between: is it over?
  bool passed(const SocketRecord& socket, bool expired) noexcept {
    if (total_ == kNone) return false;
    if (idle_ && bytes_moved(socket) != moved_) {
      moved_ = bytes_moved(socket);
      expires_ = kNone;
      wanted_ = total_;
      return false;
    }
    if (expires_ == kNone && (expired || idle_)) return expired;
    distrust_kernel();
    const std::int64_t left = expires_ - sys::monotonic_ns();
    wanted_ = std::max(std::int64_t{1}, left);
    return left <= 0;
  }

 private:
  bool idle_;  // the deadline is the engine's: any byte on the socket begins it anew
  std::uint64_t moved_;
  std::int64_t total_ = kNone;
  std::int64_t wanted_ = kNone;
  std::int64_t expires_ = kNone;
};

}  // namespace headrace::detail
