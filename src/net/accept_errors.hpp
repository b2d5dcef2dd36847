// SPDX-License-Identifier: MIT
//
// What to do when accept(2) fails: one table of errno for every engine and launcher.
#pragma once

#include <cerrno>
#include <cstdint>

namespace headrace::net {

enum class AfterAcceptError : std::uint8_t {
  retry,  // that one connection is lost, or was interrupted: the next may be fine
  pause,  // out of a resource that comes back: the connection stays queued, asking again at once
          // would spin
  fatal,  // the listener itself is no good
};

[[nodiscard]] constexpr AfterAcceptError after_accept_error(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:  // a firewall rule
    // Linux passes the new connection's pending network errors on (accept(2), "Error handling").
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return AfterAcceptError::retry;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return AfterAcceptError::pause;
    default:
      return AfterAcceptError::fatal;
  }
}

}  // namespace headrace::net
