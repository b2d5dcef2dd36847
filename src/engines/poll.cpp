// SPDX-License-Identifier: MIT
//
// poll(2), System V Release 3, 1986: select without its limit. Instead of sets of bits it takes a
// list of entries, each a descriptor, what is asked of it, and room for the answer.
//
// The list is ours and is handed over whole at every call; the kernel looks at each entry, so the
// cost grows with the clients, idle ones too. What select does with one set for asking and one for
// the answer, an entry does with two fields: nothing has to be copied before a call. POLLHUP and
// POLLERR cannot be declined, so an entry of which nothing is asked has a negative descriptor,
// which poll passes over. No limit but that of open descriptors. Not here: trying and retrying
// (readiness_engine.cpp).
#include <cerrno>
#include <limits>
#include <new>
#include <vector>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

class PollEngine final : public ReadinessEngine {
 public:
  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::poll; }

 private:
  static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

  // Registering. The list is dense: the last entry takes the place of one that goes.

  Result<> watch(SocketRecord& socket) noexcept override {
    const auto descriptor = static_cast<std::size_t>(socket.descriptor);
    try {
      if (descriptor >= places_.size()) places_.resize(2 * descriptor + 1, kNowhere);
      if (places_[descriptor] != kNowhere) return fail_errno("poll", EEXIST);  // borrowed twice
      sockets_.reserve(entries_.size() + 1);
      entries_.push_back({socket.descriptor, POLLIN, 0});
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory, "new");
    }
    places_[descriptor] = static_cast<std::uint32_t>(sockets_.size());
    sockets_.push_back(&socket);
    socket.armed = {true, false, false};
    socket.trusted_below = BufferPool::kCapacity;  // what a short read has left is told
    return {};
  }

  void unwatch(SocketRecord& socket) noexcept override {
    const std::uint32_t place =
        std::exchange(places_[static_cast<std::size_t>(socket.descriptor)], kNowhere);
    if (place + 1 != sockets_.size()) {
      entries_[place] = entries_.back();
      sockets_[place] = sockets_.back();
      places_[static_cast<std::size_t>(sockets_[place]->descriptor)] = place;
    }
    entries_.pop_back();
    sockets_.pop_back();
  }

  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override {
    pollfd& entry = entries_[places_[static_cast<std::size_t>(socket.descriptor)]];
    ask(entry, socket, entry.events | (direction == WaitFor::readable ? POLLIN : POLLOUT));
    socket.armed[static_cast<std::size_t>(direction)] = true;
    return {};
  }

  static void ask(pollfd& entry, const SocketRecord& socket, int wanted) noexcept {
    entry.events = static_cast<short>(wanted);
    entry.fd = wanted == 0 ? ~socket.descriptor : socket.descriptor;
  }

  // Waiting.

  void wait(int timeout_ms) noexcept override {
    const int answer = sys::poll(entries_.data(), entries_.size(), timeout_ms);
    count_ = events_told(answer, timeout_ms);
  }

  // From the end, so that whatever tasks close in here, an entry that takes another's place has had
  // its turn or still comes to it; and new ones wait for the next call.
  void dispatch() noexcept override {
    for (std::size_t index = entries_.size(); count_ != 0 && index-- != 0;) {
      if (index >= entries_.size() || entries_[index].revents == 0) continue;
      --count_;
      const int told = std::exchange(entries_[index].revents, short{0});
      SocketRecord& socket = *sockets_[index];
      if (told == POLLIN && socket.waiting[0] != nullptr) [[likely]]
        on_readable(socket);
      else
        on_unusual(entries_[index], socket, told);
    }
  }

  // POLLNVAL: a borrowed descriptor was closed by its owner. Whoever waits for it is told: the call
  // he makes then fails.
  [[gnu::cold]] void on_unusual(pollfd& entry, SocketRecord& socket, int told) noexcept {
    const bool closed = (told & POLLNVAL) != 0;
    const bool readable = (told & ~POLLOUT) != 0;
    const bool writable = (told & ~POLLIN) != 0;
    int wanted = entry.events;
    if (closed || (readable && socket.waiting[0] == nullptr)) wanted &= ~POLLIN;
    if (closed || (writable && socket.waiting[1] == nullptr)) wanted &= ~POLLOUT;
    ask(entry, socket, wanted);
    socket.armed[0] = socket.armed[0] && (wanted & POLLIN) != 0;
    socket.armed[1] = socket.armed[1] && (wanted & POLLOUT) != 0;
    unsigned ready = 0;
    if (readable) ready |= SocketRecord::kReadable;
    if (writable) ready |= SocketRecord::kWritable;
    on_ready(socket, ready);
  }

  std::vector<pollfd> entries_;
  std::vector<SocketRecord*> sockets_;  // whose entry it is
  std::vector<std::uint32_t> places_;   // by descriptor: where its entry is
  std::size_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<EngineCore>> make_poll_engine() {
  auto engine = std::make_unique<PollEngine>();
  if (const auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

}  // namespace headrace::detail
