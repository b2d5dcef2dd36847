// SPDX-License-Identifier: MIT
//
// The trace event sock:inet_sock_set_state, through an instance of our own under tracefs: what
// others trace is not disturbed, and the instance disappears with us. One that a killed program
// left behind is removed by the next that starts.
#pragma once

#include <string>

#include "headrace/tcp_state.hpp"
#include "net/socket.hpp"
#include "tcp_state/trace_line.hpp"

namespace headrace::tcp {

class TraceInstance {
 public:
  /// Fails with `permission_denied`, or `not_supported` where there is no tracefs or no such event.
  [[nodiscard]] static Result<TraceInstance> open(const TcpFilter& filter);
  TraceInstance(TraceInstance&& other) noexcept = default;
  TraceInstance& operator=(TraceInstance&&) = delete;
  ~TraceInstance();

  /// Readable when the buffer is half full.
  [[nodiscard]] int descriptor() const noexcept { return pipe_.descriptor(); }

  struct Visitor {
    void (*record)(void* self, const TraceRecord& record);
    void* self;
  };
  /// Takes what is there, without waiting. Counts into `status`.
  Result<> read(const Visitor& visitor, TcpSourceStatus& status);

  /// Only the filter's port from now on, if it has one.
  [[nodiscard]] Result<> set_filter(const TcpFilter& filter) const;

 private:
  explicit TraceInstance(std::string path) : path_{std::move(path)} {}
  void take_lines(const Visitor& visitor, TcpSourceStatus& status);

  std::string path_;   // empty: moved from
  net::Socket pipe_;   // trace_pipe; while it is open nobody can remove the instance
  std::string begun_;  // a line whose end has not come yet
};

}  // namespace headrace::tcp
