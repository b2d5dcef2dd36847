// SPDX-License-Identifier: MIT
//
// epoll(7), edge-triggered, 2002: the kernel keeps the list of descriptors; each change from
// "nothing" to "something" is told once. epoll_ctl(2) enters a socket when it comes, and once more
// if a send ever has to wait; nothing a message.
//
// A cause of lost data, and the reason for `trusted_below`: told once means that a socket must be
// read until it is empty, and a read that came short usually says so, which saves the call that
// would fail with EAGAIN. But a read also stops short at an urgent mark, at data that carries
// descriptors over a Unix socket, and before a FIN that came on the same edge. So it is believed
// only on TCP, and only until an event tells of anything but data. Not here: trying and retrying
// (readiness_operations.cpp).
#include <array>
#include <span>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

class EpollEdgeEngine final : public ReadinessEngine {
 public:
  explicit EpollEdgeEngine(net::Socket interest_list) noexcept
      : interest_list_{std::move(interest_list)} {}

  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::epoll_edge; }

 private:
  static constexpr std::uint32_t kReading = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
  // With these on an event there may be more behind a read that came short.
  static constexpr std::uint32_t kMoreBehind = EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  static constexpr std::size_t kBatch = 256;

  // Registering.

  Result<> watch(SocketRecord& socket) noexcept override {
    socket.armed = {true, false, false};
    if (socket.transport == Transport::tcp) socket.trusted_below = BufferPool::kCapacity;
    return tell_kernel(EPOLL_CTL_ADD, socket, kReading);
  }

  void unwatch(SocketRecord& socket) noexcept override {
    // Closing the last descriptor of a socket takes it off the list. A borrowed one stays open, and
    // so may a Unix listener that workers share.
    if ((socket.flags & (SocketRecord::kBorrowed | SocketRecord::kServing)) != 0)
      (void)sys::epoll_ctl(interest_list_.descriptor(), EPOLL_CTL_DEL, socket.descriptor, nullptr);
  }

  // Only a send that has to wait gets here, once a socket: changing an entry tells at once what is
  // ready already.
  Result<> arm(SocketRecord& socket, WaitFor) noexcept override {
    const auto told = tell_kernel(EPOLL_CTL_MOD, socket, kReading | EPOLLOUT);
    if (told) socket.armed[1] = true;
    return told;
  }

  Result<> tell_kernel(int action, SocketRecord& socket, std::uint32_t wanted) noexcept {
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = &socket;
    const int answer =
        sys::epoll_ctl(interest_list_.descriptor(), action, socket.descriptor, &event);
    if (answer == -EPERM) return fail(Errc::not_supported, "epoll_ctl");  // a file: always ready
    if (answer < 0) return fail_errno("epoll_ctl", -answer);
    return {};
  }

  // Waiting.

  void wait(int timeout_ms) noexcept override {
    const int answer =
        sys::epoll_wait(interest_list_.descriptor(), events_.data(), kBatch, timeout_ms);
    count_ = events_told(answer, timeout_ms);
  }

  void dispatch() noexcept override {
    for (const epoll_event& event : std::span{events_}.first(count_)) {
      auto& socket = *static_cast<SocketRecord*>(event.data.ptr);
      const std::uint32_t told = event.events;
      if (told == EPOLLIN) [[likely]]
        on_readable(socket);
      else
        on_unusual(socket, told);
    }
  }

  [[gnu::cold]] void on_unusual(SocketRecord& socket, std::uint32_t told) noexcept {
    if ((told & kMoreBehind) != 0) socket.trusted_below = 0;
    unsigned ready = 0;
    if ((told & (EPOLLIN | kMoreBehind)) != 0) ready |= SocketRecord::kReadable;
    if ((told & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) ready |= SocketRecord::kWritable;
    on_ready(socket, ready);
  }

  net::Socket interest_list_;
  std::array<epoll_event, kBatch> events_{};
  std::size_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<EngineCore>> make_epoll_edge_engine() {
  const int descriptor = sys::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) return fail_errno("epoll_create1", -descriptor);
  auto engine = std::make_unique<EpollEdgeEngine>(net::Socket{descriptor});
  if (const auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

}  // namespace headrace::detail
