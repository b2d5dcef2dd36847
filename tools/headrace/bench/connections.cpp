// SPDX-License-Identifier: MIT
//
// Non-blocking connect(2), a wave of attempts at a time, waited for with poll(2).
#include "bench/connections.hpp"

#include <cerrno>
#include <utility>

#include <sys/resource.h>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kWave = 32;            // attempts under way at once
constexpr std::int64_t kPause = 20'000'000;  // before a refused connection is tried again
constexpr int kGlance = 20;                  // milliseconds; how late `stop` may be noticed

// TCP waits while the listener's backlog is full; a Unix socket says EAGAIN. Here both are this.
constexpr Failure kNotAccepted{.call = "connect", .error = 0, .code = Errc::timed_out};

bool may_pass(int error) noexcept {
  return error == ECONNREFUSED || error == ENOENT || error == EAGAIN || error == ETIMEDOUT ||
         error == ECONNRESET || error == ECONNABORTED;
}

class Connector {
 public:
  Connector(std::vector<net::SocketAddress> targets, std::size_t count, std::int64_t timeout)
      : targets_{std::move(targets)}, count_{count}, timeout_{timeout} {
    opened_.reserve(count);
  }

  Result<Connected> run(const std::atomic<bool>& stop) {
    last_opened_ = now_ = sys::monotonic_ns();
    while (opened_.size() < count_ && !over_ && now_ - last_opened_ < timeout_) {
      if (stop.load(std::memory_order_relaxed)) return fail(Errc::canceled, "connect");
      start_attempts();
      finish_attempts();
      now_ = sys::monotonic_ns();
    }
    if (opened_.empty()) return std::unexpected(failure_);
    const std::size_t missing = count_ - opened_.size();
    return Connected{std::move(opened_), missing, failure_};
  }

 private:
  void start_attempts() {
    // Until one of several addresses of a name has answered, they are tried one after another.
    const std::size_t wave = opened_.empty() ? 1 : kWave;
    while (attempts_.size() < wave && opened_.size() + attempts_.size() < count_ &&
           now_ >= next_attempt_ && !over_)
      start_attempt();
  }

  void start_attempt() {
    const net::SocketAddress& target = targets_[target_];
    auto socket = net::make_stream_socket(target.family(), net::Blocking::no);
    if (!socket) return give_up(socket.error());
    attempt_started_ = now_;
    const int result = sys::connect(socket->descriptor(), target.get(), target.length);
    if (result == 0) return opened(std::move(*socket));
    if (result != -EINPROGRESS && result != -EINTR) return failed(-result);
    polled_.push_back({.fd = socket->descriptor(), .events = POLLOUT, .revents = 0});
    attempts_.push_back(std::move(*socket));
  }

  void finish_attempts() {
    (void)sys::poll(polled_.data(), polled_.size(), wait_ms());  // EINTR: nothing is ready then
    for (std::size_t index = polled_.size(); index-- > 0;) {
      if (std::exchange(polled_[index].revents, 0) == 0) continue;
      finish_attempt(take(index));
    }
    const bool stuck = now_ - attempt_started_ > timeout_ / static_cast<int>(targets_.size());
    if (opened_.empty() && !attempts_.empty() && stuck) {
      (void)take(0);
      failed(EAGAIN);
    }
  }

  void finish_attempt(net::Socket socket) {
    int error = 0;
    socklen_t length = sizeof error;
    const int asked = sys::getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (asked < 0) error = -asked;
    if (error == 0) return opened(std::move(socket));
    failed(error);
  }

  net::Socket take(std::size_t index) {
    std::swap(polled_[index], polled_.back());
    std::swap(attempts_[index], attempts_.back());
    net::Socket socket = std::move(attempts_.back());
    polled_.pop_back();
    attempts_.pop_back();
    return socket;
  }

  void opened(net::Socket socket) {
    opened_.push_back(std::move(socket));
    last_opened_ = now_;
    next_attempt_ = 0;
  }

  void failed(int error) {
    failure_ = error == EAGAIN ? kNotAccepted : Failure::from_errno("connect", error);
    over_ = over_ || !(may_pass(error) || opened_.empty());
    if (!opened_.empty()) {
      next_attempt_ = now_ + kPause;
      return;
    }
    target_ = (target_ + 1) % targets_.size();
    if (target_ != 0) return;
    over_ = !may_pass(error);
    next_attempt_ = now_ + kPause;
  }

  void give_up(const Failure& failure) {
    failure_ = failure;
    over_ = true;
  }

  int wait_ms() const noexcept { return attempts_.empty() && now_ >= next_attempt_ ? 0 : kGlance; }

  const std::vector<net::SocketAddress> targets_;
  const std::size_t count_;
  const std::int64_t timeout_;
  std::size_t target_ = 0;
  std::vector<net::Socket> opened_;
  std::vector<net::Socket> attempts_;  // and at the same index
  std::vector<pollfd> polled_;
  std::int64_t now_ = 0, last_opened_ = 0, next_attempt_ = 0, attempt_started_ = 0;
  Failure failure_ = kNotAccepted;
  bool over_ = false;
};

}  // namespace

Result<Connected> connect_all(const Address& target, std::size_t count,
                              std::chrono::nanoseconds timeout, const std::atomic<bool>& stop) {
  auto targets = net::resolve(target, false, net::Names::resolve);
  if (!targets) return std::unexpected(targets.error());
  return Connector{std::move(*targets), count, timeout.count()}.run(stop);
}

std::size_t room_for_connections() noexcept {
  constexpr rlim_t kOthers = 64;  // standard streams, epoll, reading /proc, what we inherited
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // up to the hard limit is always allowed
  return limit.rlim_cur > kOthers ? static_cast<std::size_t>(limit.rlim_cur - kOthers) : 0;
}

}  // namespace headrace::bench
