// SPDX-License-Identifier: MIT
//
// The words for failures, and the one table from errno to ours.
#include "headrace/result.hpp"

#include <cerrno>
#include <cstring>

namespace headrace {

namespace {

Errc code_of(int error) noexcept {
  switch (error) {
    case ECONNRESET:
      return Errc::reset;
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
      return Errc::broken_pipe;
    case ECONNREFUSED:
      return Errc::refused;
    // ETIMEDOUT is TCP's: the peer stopped acknowledging. Our own deadlines are `timed_out`.
    case ETIMEDOUT:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
      return Errc::unreachable;
    case EADDRINUSE:
      return Errc::address_in_use;
    case EADDRNOTAVAIL:
      return Errc::address_unavailable;
    case EACCES:
    case EPERM:
      return Errc::permission_denied;
    case EMFILE:
    case ENFILE:
      return Errc::too_many_descriptors;
    case ENOMEM:
    case ENOBUFS:
      return Errc::out_of_memory;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ENOSYS:
      return Errc::not_supported;
    case EMSGSIZE:
      return Errc::message_too_long;
    case ECANCELED:
      return Errc::canceled;
    default:
      return Errc::system_error;
  }
}

}  // namespace

const char* to_text(Errc code) noexcept {
  switch (code) {
    case Errc::end_of_stream:
      return "end of stream";
    case Errc::timed_out:
      return "timed out";
    case Errc::canceled:
      return "canceled";
    case Errc::draining:
      return "the server is stopping";
    case Errc::reset:
      return "connection reset by the peer";
    case Errc::broken_pipe:
      return "connection already closed";
    case Errc::refused:
      return "connection refused";
    case Errc::unreachable:
      return "unreachable";
    case Errc::address_in_use:
      return "address in use";
    case Errc::address_unavailable:
      return "not an address of this machine";
    case Errc::permission_denied:
      return "permission denied";
    case Errc::invalid_address:
      return "invalid address";
    case Errc::name_not_found:
      return "name not found";
    case Errc::too_many_descriptors:
      return "too many open descriptors";
    case Errc::out_of_memory:
      return "out of memory";
    case Errc::not_supported:
      return "not supported";
    case Errc::message_too_long:
      return "message too long";
    case Errc::would_wait:
      return "would have to wait";
    case Errc::system_error:
      return "system error";
  }
  return "unknown failure";
}

Failure Failure::from_errno(const char* call, int error) noexcept {
  return {.call = call, .error = error, .code = code_of(error)};
}

const char* Failure::reason() const noexcept {
  if (code != Errc::system_error || error == 0) return to_text(code);
  // Not strerror: its text may be translated, and lies in a buffer shared by all threads.
  const char* const description = ::strerrordesc_np(error);
  return description != nullptr ? description : to_text(code);
}

}  // namespace headrace
