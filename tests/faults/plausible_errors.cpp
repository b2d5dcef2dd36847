// SPDX-License-Identifier: MIT
//
// The calls by name, and the errors that a kernel in order may give for each. Not here: making them
// fail (faulty_calls.cpp).
#include <cerrno>

#include "faulty_calls.hpp"

namespace headrace::faults {

namespace {

constexpr std::array<std::string_view, kCalls> kNames{"socket",
                                                      "bind",
                                                      "listen",
                                                      "connect",
                                                      "accept4",
                                                      "getsockname",
                                                      "getpeername",
                                                      "getsockopt",
                                                      "setsockopt",
                                                      "shutdown",
                                                      "recv",
                                                      "send",
                                                      "recvmsg",
                                                      "sendmsg",
                                                      "recvmmsg",
                                                      "sendmmsg",
                                                      "close",
                                                      "duplicate",
                                                      "set_nonblocking",
                                                      "set_blocking",
                                                      "make_pipe",
                                                      "eventfd",
                                                      "read",
                                                      "write",
                                                      "unlink",
                                                      "chmod",
                                                      "fchmod",
                                                      "lstat",
                                                      "fstat",
                                                      "open_lock_file",
                                                      "lock_file",
                                                      "open_file",
                                                      "make_directory",
                                                      "remove_directory",
                                                      "select",
                                                      "poll",
                                                      "epoll_create1",
                                                      "epoll_ctl",
                                                      "epoll_wait",
                                                      "futex_wait",
                                                      "fork",
                                                      "waitpid",
                                                      "kill",
                                                      "pidfd_open",
                                                      "create_thread",
                                                      "map_memory",
                                                      "io_uring_setup",
                                                      "io_uring_register",
                                                      "io_uring_enter"};

template <int... kErrors>
constexpr std::array<int, sizeof...(kErrors)> kSome{kErrors...};

}  // namespace

std::string_view name_of(Call call) noexcept { return kNames[static_cast<std::size_t>(call)]; }

// EAGAIN only for what does not wait (see finding_nothing in faulty_calls.cpp). Not for a write to
// an eventfd or the poke of a pipe: there it means that it is full, so that somebody is awake.
std::span<const int> plausible_errors(Call call) noexcept {
  switch (call) {
    case Call::recvmsg:
    case Call::recvmmsg:
      return kSome<EINTR, EAGAIN, ENOMEM, ECONNREFUSED>;
    case Call::sendmsg:
    case Call::sendmmsg:
      return kSome<EINTR, EAGAIN, ENOBUFS, ENOMEM, EPERM, EMSGSIZE, ECONNREFUSED, EHOSTUNREACH,
                   ENETUNREACH>;
    case Call::socket:
      return kSome<EMFILE, ENFILE, ENOBUFS, EACCES, EAFNOSUPPORT>;
    case Call::bind:
      return kSome<EADDRINUSE, EACCES, EADDRNOTAVAIL>;
    case Call::listen:
      return kSome<EADDRINUSE>;
    case Call::connect:
      return kSome<ECONNREFUSED, ETIMEDOUT, EADDRNOTAVAIL, ENETUNREACH>;
    case Call::accept4:
      return kSome<EINTR, EAGAIN, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO,
                   ETIMEDOUT, EINVAL>;
    case Call::getsockname:
    case Call::getsockopt:
      return kSome<ENOBUFS>;
    case Call::getpeername:
      return kSome<ENOTCONN, ENOBUFS>;
    case Call::setsockopt:
      return kSome<ENOMEM, ENOPROTOOPT>;
    case Call::shutdown:
      return kSome<ENOTCONN>;
    case Call::recv:
      return kSome<EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, ENOMEM, EHOSTUNREACH>;
    case Call::send:
      return kSome<EINTR, EAGAIN, EPIPE, ECONNRESET, ENOBUFS, ENOMEM, ETIMEDOUT>;
    case Call::close:
      return kSome<EINTR, EIO>;
    case Call::duplicate:
      return kSome<EMFILE>;
    case Call::make_pipe:
      return kSome<EMFILE, ENFILE>;
    case Call::eventfd:
      return kSome<EMFILE, ENFILE, ENOMEM>;
    case Call::read:
      return kSome<EINTR, EAGAIN>;
    case Call::unlink:
      return kSome<ENOENT, EACCES>;
    case Call::chmod:
    case Call::fchmod:
      return kSome<EPERM>;
    case Call::lstat:
      return kSome<EACCES, ENOENT>;
    case Call::fstat:
      return kSome<ENOMEM>;
    case Call::open_lock_file:
      return kSome<EACCES, EMFILE, ENOENT, EROFS>;
    case Call::lock_file:
      return kSome<EINTR, ENOLCK, EWOULDBLOCK>;
    case Call::open_file:
      return kSome<EACCES, EMFILE, ENOENT>;
    case Call::make_directory:
      return kSome<EACCES, EEXIST, ENOMEM>;
    case Call::remove_directory:
      return kSome<EBUSY, EACCES>;
    case Call::poll:
      return kSome<EINTR, ENOMEM>;
    case Call::select:
      return kSome<EINTR, ENOMEM, EBADF>;
    case Call::epoll_wait:
    case Call::futex_wait:
      return kSome<EINTR>;
    case Call::epoll_create1:
      return kSome<EMFILE, ENFILE, ENOMEM>;
    case Call::epoll_ctl:
      return kSome<ENOMEM, ENOSPC>;
    case Call::fork:
      return kSome<EAGAIN, ENOMEM>;
    case Call::waitpid:
      return kSome<ECHILD>;
    case Call::pidfd_open:
      return kSome<ENFILE, ENOMEM>;
    case Call::create_thread:
      return kSome<EAGAIN>;
    case Call::map_memory:
      return kSome<ENOMEM>;
    case Call::io_uring_setup:
      return kSome<EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS>;
    case Call::io_uring_register:
      return kSome<ENOMEM, EINVAL>;
    case Call::io_uring_enter:
      return kSome<EINTR, EAGAIN, EBUSY>;
    case Call::set_nonblocking:
    case Call::set_blocking:
    case Call::kill:
    case Call::write:
      break;
  }
  return {};
}

}  // namespace headrace::faults
