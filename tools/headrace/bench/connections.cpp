// SPDX-License-Identifier: MIT
//
// Non-blocking connect(2), a wave of attempts at a time, waited for with poll(2).
#include "bench/connections.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/resource.h>

#include "bench/datagrams.hpp"
#include "bench/targets.hpp"
#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kWave = 32;            // attempts under way at once
constexpr std::int64_t kPause = 20'000'000;  // before a refused connection is tried again
constexpr std::size_t kManyPorts = 2000;     // from one address; then finding one takes long
constexpr int kGlance = 20;                  // milliseconds; how late `stop` may be noticed

// TCP waits while the listener's backlog is full; a Unix socket says EAGAIN. Here both are this.
constexpr Failure kNotAccepted{.call = "connect", .error = 0, .code = Errc::timed_out};

bool may_pass(int error) noexcept {
  return error == ECONNREFUSED || error == ENOENT || error == EAGAIN || error == ETIMEDOUT ||
         error == ECONNRESET || error == ECONNABORTED;
}

class Connector {
 public:
  Connector(std::vector<net::SocketAddress> targets, const Opening& opening)
      : targets_{std::move(targets)},
        count_{opening.count},
        timeout_{opening.timeout.count()},
        origins_{count_ > kManyPorts ? Origins::many : Origins::one},
        step_{opening.ramp.count() / static_cast<std::int64_t>(opening.count)} {
    opened_.reserve(count_);
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
    const std::size_t wave = opened_.empty() || step_ > 0 ? 1 : kWave;
    while (attempts_.size() < wave && opened_.size() + attempts_.size() < count_ &&
           now_ >= next_attempt_ && !over_)
      start_attempt();
  }

  void start_attempt() {
    const net::SocketAddress& target = targets_[target_];
    attempt_started_ = now_;
    auto socket = begin_connection(target, origins_, opened_.size());
    if (!socket) return failed(socket.error());
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
    if (step_ == 0) return;
    next_attempt_ =
        first_opened_.value_or(now_) + static_cast<std::int64_t>(opened_.size()) * step_;
    if (!first_opened_) first_opened_ = now_;
    last_opened_ = std::max(now_, next_attempt_);
  }

  // A call that failed for want of descriptors or memory ends it; a connect may be tried again.
  void failed(const Failure& failure) {
    if (failure.call == std::string_view{"connect"}) return failed(failure.error);
    failure_ = failure;
    over_ = true;
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

  int wait_ms() const noexcept {
    if (attempts_.empty() && now_ >= next_attempt_) return 0;
    const std::int64_t pause = (next_attempt_ - now_) / 1'000'000;
    return step_ == 0 ? kGlance : static_cast<int>(std::clamp<std::int64_t>(pause, 1, kGlance));
  }

  const std::vector<net::SocketAddress> targets_;
  const std::size_t count_;
  const std::int64_t timeout_;
  const Origins origins_;
  const std::int64_t step_;  // between two attempts, of a ramp
  std::optional<std::int64_t> first_opened_;
  std::size_t target_ = 0;
  std::vector<net::Socket> opened_;
  std::vector<net::Socket> attempts_;  // and at the same index
  std::vector<pollfd> polled_;
  std::int64_t now_ = 0, last_opened_ = 0, next_attempt_ = 0, attempt_started_ = 0;
  Failure failure_ = kNotAccepted;
  bool over_ = false;
};

/// Whether `socket`, not blocking, has got an answer to a datagram within `limit_ms`.
bool answers(const net::Socket& socket, int limit_ms) {
  const std::array<std::byte, Datagrams::kHeader> question{};
  (void)sys::send(socket.descriptor(), question.data(), question.size(), MSG_NOSIGNAL);
  pollfd entry{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
  if (sys::poll(&entry, 1, limit_ms) <= 0) return false;
  std::array<std::byte, Datagrams::kHeader> answer{};
  return sys::recv(socket.descriptor(), answer.data(), answer.size(), 0) >= 0;
}

Result<net::Socket> datagram_socket(const net::SocketAddress& target) {
  net::Socket socket{sys::socket(target.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return fail_errno("socket", -socket.descriptor());
  const int connected = sys::connect(socket.descriptor(), target.get(), target.length);
  if (connected < 0) return fail_errno("connect", -connected);
  return socket;
}

// The first of the addresses that answers.
Result<net::SocketAddress> find_answering(const std::vector<net::SocketAddress>& targets,
                                          std::int64_t timeout, const std::atomic<bool>& stop) {
  constexpr int kPatience = 50;  // milliseconds for an answer; then the next address, or again
  const std::int64_t until = sys::monotonic_ns() + timeout;
  for (std::size_t turn = 0; sys::monotonic_ns() < until; ++turn) {
    if (stop.load(std::memory_order_relaxed)) return fail(Errc::canceled, "recv");
    const net::SocketAddress& target = targets[turn % targets.size()];
    const auto socket = datagram_socket(target);
    if (!socket) return std::unexpected(socket.error());
    const std::int64_t asked = sys::monotonic_ns();
    if (answers(*socket, kPatience)) return target;
    const std::int64_t left = kPatience - (sys::monotonic_ns() - asked) / 1'000'000;
    (void)sys::poll(nullptr, 0, static_cast<int>(std::max<std::int64_t>(left, 0)));
  }
  return std::unexpected(Failure{.call = "recv", .error = 0, .code = Errc::timed_out});
}

}  // namespace

Result<Connected> connect_all(const Address& target, const Opening& opening,
                              const std::atomic<bool>& stop) {
  auto targets = net::resolve(target, false, net::Names::resolve);
  if (!targets) return std::unexpected(targets.error());
  return Connector{std::move(*targets), opening}.run(stop);
}

Result<Connected> open_datagram_sockets(const Address& target, const Opening& opening,
                                        const std::atomic<bool>& stop) {
  const auto targets = net::resolve(target, false, net::Names::resolve);
  if (!targets) return std::unexpected(targets.error());
  const auto answering = find_answering(*targets, opening.timeout.count(), stop);
  if (!answering) return std::unexpected(answering.error());
  Connected connected;
  while (connected.sockets.size() < opening.count && !stop) {
    auto socket = datagram_socket(*answering);
    if (!socket) {
      connected.missing = opening.count - connected.sockets.size();
      connected.failure = socket.error();
      break;
    }
    connected.sockets.push_back(std::move(*socket));
  }
  if (connected.sockets.empty()) return std::unexpected(connected.failure);
  return connected;
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
