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

  // Registering. The list is dense: the last entry takes the place of one that goes. Behind its end
  // stand empty entries, of which poll is not told.

  Result<> watch(SocketRecord& socket) noexcept override {
    const auto descriptor = static_cast<std::size_t>(socket.descriptor);
    try {
      if (descriptor >= places_.size()) places_.resize(2 * descriptor + 1, kNowhere);
      if (used_ == entries_.size()) {
        sockets_.resize(2 * used_ + 1);
        entries_.resize(2 * used_ + 1);
      }
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory, "new");
    }
    if (places_[descriptor] != kNowhere) return fail_errno("poll", EEXIST);  // borrowed twice
    places_[descriptor] = used_;
    entries_[used_] = {socket.descriptor, POLLIN, 0};
    sockets_[used_++] = &socket;
    socket.armed = {true, false, false};
    socket.trusted_below = BufferPool::kCapacity;  // what a short read has left is told
    return {};
  }

  void unwatch(SocketRecord& socket) noexcept override {
    std::uint32_t& place = places_[static_cast<std::size_t>(socket.descriptor)];
    SocketRecord* const last = sockets_[--used_];
    sockets_[place] = last;
    entries_[place] = entries_[used_];
    entries_[used_] = {};
    places_[static_cast<std::size_t>(last->descriptor)] = place;
    place = kNowhere;
  }

  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override {
    pollfd& entry = entry_of(socket);
    ask(entry, socket, entry.events | (direction == WaitFor::readable ? POLLIN : POLLOUT));
    socket.armed[static_cast<std::size_t>(direction)] = true;
    return {};
  }

  [[nodiscard]] pollfd& entry_of(const SocketRecord& socket) noexcept {
    return entries_[places_[static_cast<std::size_t>(socket.descriptor)]];
  }

  static void ask(pollfd& entry, const SocketRecord& socket, int wanted) noexcept {
    entry.events = static_cast<short>(wanted);
    entry.fd = wanted == 0 ? ~socket.descriptor : socket.descriptor;
  }

  // Waiting.

  void wait(int timeout_ms) noexcept override {
    const int answer = sys::poll(entries_.data(), used_, timeout_ms);
    any_ = events_told(answer, timeout_ms) != 0;
  }

  // From the end, so that whatever tasks close in here, an entry that takes another's place has had
  // its turn or still comes to it; and new ones wait for the next call.
  void dispatch() noexcept override {
    if (!any_) return;
    const pollfd* entries = entries_.data();
    for (std::int64_t place = std::int64_t{used_} - 1; place >= 0; --place) {
      const short told = entries[place].revents;
      SocketRecord& socket = *sockets_[static_cast<std::size_t>(place)];
      if (told == POLLIN && socket.waiting[0] != nullptr) [[likely]]
        on_readable(socket);
      else if (told == 0)
        continue;
      else
        on_unusual(socket);
      entries = entries_.data();  // they move when the list grows
    }
  }

  // POLLNVAL: a borrowed descriptor was closed by its owner. Whoever waits for it is told.
  [[gnu::cold, gnu::noinline]] void on_unusual(SocketRecord& socket) noexcept {
    pollfd& entry = entry_of(socket);
    const int told = entry.revents;
    const bool readable = (told & ~POLLOUT) != 0;
    const bool writable = (told & ~POLLIN) != 0;
    int wanted = entry.events;
    if (readable && socket.waiting[0] == nullptr) wanted &= ~POLLIN;
    if (writable && socket.waiting[1] == nullptr) wanted &= ~POLLOUT;
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
  std::uint32_t used_ = 0;              // of both
  std::vector<std::uint32_t> places_;   // by descriptor: where its entry is
  bool any_ = false;                    // the last wait has told of some
};

}  // namespace

Result<std::unique_ptr<EngineCore>> make_poll_engine() {
  auto engine = std::make_unique<PollEngine>();
  if (const auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

}  // namespace headrace::detail
