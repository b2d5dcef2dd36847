// SPDX-License-Identifier: MIT
//
// Polling: non-blocking calls round and round, as was done before there was select(2), and as
// textbooks still begin. A call on a socket with O_NONBLOCK that would wait fails with EAGAIN; so
// each client's call is tried in turn, and again, for ever.
//
// The kernel offers nothing to wait with, and nothing is waited for: the thread takes its whole
// core, busy or not, and each turn costs a call for every client, idle ones too. What it has for
// that is the shortest way from a byte's arrival to its being read. No limit but that of open
// descriptors. Not here: a pause between turns, which would be another engine; trying and retrying
// (readiness_engine.cpp).
#include <algorithm>
#include <new>
#include <vector>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

class PollingEngine final : public ReadinessEngine {
 public:
  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::polling; }

 private:
  // Registering. The list is dense: the last one takes the place of one that goes.

  Result<> watch(SocketRecord& socket) noexcept override {
    try {
      sockets_.push_back(&socket);
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory, "new");
    }
    socket.armed = {true, true, false};
    socket.trusted_below = BufferPool::kCapacity;  // what a short read has left is found next time
    return {};
  }

  void unwatch(SocketRecord& socket) noexcept override {
    *std::ranges::find(sockets_, &socket) = sockets_.back();  // a search costs less than a turn
    sockets_.pop_back();
  }

  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override {
    socket.armed[static_cast<std::size_t>(direction)] = true;
    return {};
  }

  // Waiting: never.

  void wait(int) noexcept override {}

  // From the end, so that whatever tasks close in here, one that takes another's place has had its
  // turn or still comes to it; and new ones come in the next turn.
  void dispatch() noexcept override {
    for (std::size_t index = sockets_.size(); index-- != 0;) {
      if (index >= sockets_.size()) continue;
      SocketRecord& socket = *sockets_[index];
      if (socket.waiting[1] != nullptr) [[unlikely]]
        on_ready(socket, SocketRecord::kReadable | SocketRecord::kWritable);
      else if (socket.waiting[0] != nullptr) [[likely]]
        on_readable(socket);
    }
  }

  std::vector<SocketRecord*> sockets_;
};

}  // namespace

// Never asleep, it need not be woken: there is no eventfd to prepare.
Result<std::unique_ptr<EngineCore>> make_polling_engine() {
  return std::make_unique<PollingEngine>();
}

}  // namespace headrace::detail
