// SPDX-License-Identifier: MIT
//
// How a line is written without waiting, whatever the descriptor is (unblocked.hpp). On a pipe that
// could not be opened a second time POLLOUT promises room for PIPE_BUF bytes, unless another
// process takes it in between.
//
// A write of at most PIPE_BUF bytes to a pipe is all or nothing (pipe(7)): lines of several
// processes never mix. SIGPIPE must be ignored.
#include "outlet.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headrace::tool {

namespace {

constexpr std::size_t kMostWaiting = 64 * 1024;

}  // namespace

Outlet::Outlet(int descriptor, Notice notice) : notice_{notice}, owner_{::getpid()} {
  const Unblocked used = unblocked(descriptor, O_WRONLY);
  descriptor_ = used.descriptor;
  way_ = used.way;
}

Outlet::~Outlet() {
  if (way_ == Way::reopened)
    (void)::close(descriptor_);  // nothing buffered that close could fail to write
}

void Outlet::put(std::string_view line) {
  forget_after_fork();
  if (drain()) tell_dropped();
  if (line.size() <= PIPE_BUF) {
    enqueue(line);
  } else {
    enqueue(std::string{line.substr(0, PIPE_BUF - 1)} + '\n');
  }
  (void)drain();  // what is left waits for the next line
}

void Outlet::finish(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  forget_after_fork();
  const auto until = Clock::now() + patience;
  for (;;) {
    if (drain()) tell_dropped();
    if (waiting_.empty()) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0 || !is_writable_within(left)) return;
  }
}

// True when everything has gone out.
bool Outlet::drain() {
  while (!waiting_.empty()) {
    std::string& line = waiting_.front();
    const ssize_t count = write_some(line);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) {  // closed, or a full disk: these lines have nowhere to go
      dropped_ += waiting_.size();
      waiting_.clear();
      waiting_bytes_ = 0;
      return false;
    }
    waiting_bytes_ -= static_cast<std::size_t>(count);
    line.erase(0, static_cast<std::size_t>(count));
    if (line.empty()) waiting_.pop_front();
  }
  return true;
}

ssize_t Outlet::write_some(std::string_view bytes) const {
  if (way_ == Way::socket)
    return ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (way_ == Way::polled && !is_writable_within(std::chrono::milliseconds{0})) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(descriptor_, bytes.data(), bytes.size());
}

// Also true when writing would fail at once.
bool Outlet::is_writable_within(std::chrono::milliseconds limit) const {
  pollfd entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

void Outlet::enqueue(std::string_view line) {
  if (waiting_bytes_ + line.size() > kMostWaiting) {
    ++dropped_;
    return;
  }
  waiting_.emplace_back(line);
  waiting_bytes_ += line.size();
}

void Outlet::tell_dropped() {
  if (dropped_ == dropped_told_) return;
  dropped_told_ = dropped_;
  enqueue(notice_(dropped_));
}

// A child has a copy of the lines that its parent will write.
void Outlet::forget_after_fork() {
  const pid_t self = ::getpid();
  if (self == owner_) return;
  owner_ = self;
  waiting_.clear();
  waiting_bytes_ = 0;
  dropped_ = dropped_told_ = 0;
}

}  // namespace headrace::tool
