// SPDX-License-Identifier: MIT
//
// Try, wait until it may work, try again. What can only be asked by poll(2) is asked first.
#include "connect/standard_io.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headrace::tool {

namespace {

bool is_a_terminal(int descriptor) noexcept { return ::isatty(descriptor) != 0; }

void close_if_ours(const Unblocked& used) noexcept {
  if (used.way == Way::reopened) (void)::close(used.descriptor);  // nothing is buffered in it
}

}  // namespace

Input::Input(int descriptor)
    : used_{unblocked(descriptor, O_RDONLY)}, is_terminal_{is_a_terminal(descriptor)} {}

Input::~Input() { close_if_ours(used_); }

ssize_t Input::read_some(std::span<char> into) const noexcept {
  if (used_.way == Way::socket)
    return ::recv(used_.descriptor, into.data(), into.size(), MSG_DONTWAIT);
  return ::read(used_.descriptor, into.data(), into.size());
}

Task<Result<std::size_t>> Input::read(Engine& engine, std::span<char> into) {
  bool must_wait = used_.way == Way::polled;
  for (;;) {
    if (must_wait) {
      const auto ready = co_await engine.wait_ready(used_.descriptor, Direction::readable);
      if (!ready) co_return std::unexpected(ready.error());
    }
    const ssize_t count = read_some(into);
    const int error = count < 0 ? errno : 0;
    if (count >= 0) co_return static_cast<std::size_t>(count);
    if (error == EIO && is_terminal_) co_return std::size_t{0};  // it was hung up
    must_wait = error == EAGAIN;
    if (error != EAGAIN && error != EINTR) co_return fail_errno("read", error);
  }
}

bool Input::has_more() const noexcept {
  int size = 0;
  return ::ioctl(used_.descriptor, FIONREAD, &size) == 0 && size > 0;
}

Output::Output(int descriptor)
    : used_{unblocked(descriptor, O_WRONLY)}, is_terminal_{is_a_terminal(descriptor)} {}

Output::~Output() { close_if_ours(used_); }

// After poll(2) a pipe has room for PIPE_BUF bytes, and more might wait.
ssize_t Output::write_some(ByteView bytes) const noexcept {
  if (used_.way == Way::socket)
    return ::send(used_.descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const std::size_t most = used_.way == Way::polled ? std::size_t{PIPE_BUF} : bytes.size();
  return ::write(used_.descriptor, bytes.data(), std::min(bytes.size(), most));
}

Task<Result<>> Output::write(Engine& engine, ByteView bytes) {
  bool must_wait = used_.way == Way::polled;
  while (!bytes.empty()) {
    if (must_wait) {
      const auto ready = co_await engine.wait_ready(used_.descriptor, Direction::writable);
      if (!ready) co_return std::unexpected(ready.error());
    }
    const ssize_t count = write_some(bytes);
    const int error = count < 0 ? errno : 0;
    if (count >= 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    must_wait = error == EAGAIN || used_.way == Way::polled;
    if (count < 0 && error != EAGAIN && error != EINTR) co_return fail_errno("write", error);
  }
  co_return Result<>{};
}

}  // namespace headrace::tool
