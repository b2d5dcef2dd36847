// SPDX-License-Identifier: MIT
//
// epoll(7), level-triggered, 2002: the kernel keeps the list of descriptors and tells of one for as
// long as it is ready. As select and poll do, but a wait costs what is ready, not what is watched.
//
// What is told for ever must either be taken or no longer be asked for, else the loop spins; and
// asking costs an epoll_ctl(2). Two of them a message made this the dearest engine, so a socket
// stays on the list for reading, and only an event that nobody awaits takes it off. EPOLLHUP and
// EPOLLERR cannot be declined: a socket of which nothing is asked is told of once instead
// (EPOLLET), until somebody waits. A read that came short is believed: whatever lies behind it, an
// urgent mark or a FIN, will be told. Not here: trying and retrying (readiness_engine.cpp).
#include <array>
#include <span>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

class EpollLevelEngine final : public ReadinessEngine {
 public:
  explicit EpollLevelEngine(net::Socket interest_list) noexcept
      : interest_list_{std::move(interest_list)} {}

  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::epoll_level; }

 private:
  static constexpr std::size_t kBatch = 256;

  // Registering. `asked` in the record is what the kernel knows, of EPOLLIN and EPOLLOUT.

  Result<> watch(SocketRecord& socket) noexcept override {
    socket.armed = {true, false, false};
    socket.trusted_below = BufferPool::kCapacity;
    return ask(EPOLL_CTL_ADD, socket, EPOLLIN);
  }

  void unwatch(SocketRecord& socket) noexcept override {
    // Closing the only descriptor of a socket takes it off the list. A borrowed one stays open, and
    // a Unix listener has one for each worker.
    if ((socket.flags & (SocketRecord::kBorrowed | SocketRecord::kServing)) != 0)
      (void)sys::epoll_ctl(interest_list_.descriptor(), EPOLL_CTL_DEL, socket.descriptor, nullptr);
  }

  // Only what is not asked for gets here: a send that has to wait, and a receive after bytes came
  // that nobody awaited.
  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override {
    const std::uint32_t wanted = direction == WaitFor::readable ? EPOLLIN : EPOLLOUT;
    if ((socket.asked & wanted) == 0)
      if (const auto told = ask(EPOLL_CTL_MOD, socket, socket.asked | wanted); !told) return told;
    socket.armed[static_cast<std::size_t>(direction)] = true;
    return {};
  }

  // A borrowed descriptor may be closed by its owner, with a duplicate open: then it can no longer
  // be taken off the list. Told once, it does no harm there.
  Result<> ask(int action, SocketRecord& socket, std::uint32_t wanted) noexcept {
    const bool once = wanted == 0 || (socket.flags & SocketRecord::kBorrowed) != 0;
    epoll_event event{};
    event.events = wanted | (once ? std::uint32_t{EPOLLET} : 0U);
    event.data.ptr = &socket;
    const int answer =
        sys::epoll_ctl(interest_list_.descriptor(), action, socket.descriptor, &event);
    if (answer == -EPERM) return fail(Errc::not_supported, "epoll_ctl");  // a file: always ready
    if (answer < 0) return fail_errno("epoll_ctl", -answer);
    socket.asked = static_cast<std::uint8_t>(wanted);
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
      if (told == EPOLLIN && socket.waiting[0] != nullptr) [[likely]]
        on_readable(socket);
      else
        on_unusual(socket, told);
    }
  }

  [[gnu::cold, gnu::noinline]] void on_unusual(SocketRecord& socket, std::uint32_t told) noexcept {
    if ((socket.flags & SocketRecord::kClosed) != 0) return;  // by another event of this batch
    const bool readable = (told & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    const bool writable = (told & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    std::uint32_t left = socket.asked;
    if (readable && socket.waiting[0] == nullptr) left &= ~std::uint32_t{EPOLLIN};
    if (writable && socket.waiting[1] == nullptr) left &= ~std::uint32_t{EPOLLOUT};
    // If it fails it will be told again, and tried again.
    if (left != socket.asked && ask(EPOLL_CTL_MOD, socket, left)) {
      socket.armed[0] = socket.armed[0] && (left & EPOLLIN) != 0;
      socket.armed[1] = socket.armed[1] && (left & EPOLLOUT) != 0;
    }
    unsigned ready = 0;
    if (readable) ready |= SocketRecord::kReadable;
    if (writable) ready |= SocketRecord::kWritable;
    on_ready(socket, ready);
  }

  // The limit is /proc/sys/fs/epoll/max_user_watches, for all processes of a user: then ask() says
  // ENOSPC and that connection is refused.

  net::Socket interest_list_;
  std::array<epoll_event, kBatch> events_{};
  std::size_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<EngineCore>> make_epoll_level_engine() {
  const int descriptor = sys::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) return fail_errno("epoll_create1", -descriptor);
  auto engine = std::make_unique<EpollLevelEngine>(net::Socket{descriptor});
  if (const auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

}  // namespace headrace::detail
