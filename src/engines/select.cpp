// SPDX-License-Identifier: MIT
//
// select(2), 4.2BSD, 1983: the first call to wait for many descriptors. It takes sets of bits, one
// for reading, one for writing, a bit a descriptor, and leaves on in them what is ready.
//
// Every call copies the sets in and out and looks at every descriptor below the highest, so its
// cost grows with the clients, idle ones too. Limit: descriptors below FD_SETSIZE (1024 on Linux),
// however few are watched. A bit beyond would be written past the set, into other memory, so
// `watch` refuses first. Not here: the third set (urgent bytes), which headrace does not use;
// trying and retrying (readiness_engine.cpp).
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "engines/readiness_engine.hpp"

namespace headrace::detail {

namespace {

class SelectEngine final : public ReadinessEngine {
 public:
  SelectEngine() noexcept {
    FD_ZERO(&want_read_);
    FD_ZERO(&want_write_);
    FD_ZERO(&readable_);
    FD_ZERO(&writable_);
  }

  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::select; }

 private:
  static constexpr std::size_t kBits = 64;  // in a word of a set

  // Registering. Bits stay on between calls; one is turned off when it tells of what nobody awaits.

  Result<> watch(SocketRecord& socket) noexcept override {
    const int descriptor = socket.descriptor;
    if (descriptor >= FD_SETSIZE)
      return fail(Errc::too_many_descriptors, "select cannot watch a descriptor beyond 1023");
    SocketRecord*& place = watched_[static_cast<std::size_t>(descriptor)];
    if (place != nullptr) return fail_errno("select", EEXIST);  // borrowed twice
    place = &socket;
    highest_ = std::max(highest_, descriptor);
    FD_SET(descriptor, &want_read_);
    socket.armed = {true, false, false};
    socket.trusted_below = BufferPool::kCapacity;  // what a short read has left is told
    return {};
  }

  void unwatch(SocketRecord& socket) noexcept override {
    ask_no_more_to_write(socket);
    for (fd_set* const set : {&want_read_, &readable_, &writable_}) FD_CLR(socket.descriptor, set);
    watched_[static_cast<std::size_t>(socket.descriptor)] = nullptr;
    while (highest_ >= 0 && watched_[static_cast<std::size_t>(highest_)] == nullptr) --highest_;
  }

  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override {
    if (direction == WaitFor::readable) {
      FD_SET(socket.descriptor, &want_read_);
    } else if (!FD_ISSET(socket.descriptor, &want_write_)) {
      FD_SET(socket.descriptor, &want_write_);
      ++writers_;
    }
    socket.armed[static_cast<std::size_t>(direction)] = true;
    return {};
  }

  [[gnu::cold, gnu::noinline]] void ask_no_more_to_read(SocketRecord& socket) noexcept {
    FD_CLR(socket.descriptor, &want_read_);
    socket.armed[0] = false;
  }

  [[gnu::cold, gnu::noinline]] void ask_no_more_to_write(SocketRecord& socket) noexcept {
    if (FD_ISSET(socket.descriptor, &want_write_)) --writers_;
    FD_CLR(socket.descriptor, &want_write_);
    socket.armed[1] = false;
  }

  // Waiting.

  void wait(int timeout_ms) noexcept override {
    readable_ = want_read_;  // select writes its answer over the sets
    told_of_writing_ = writers_ != 0;
    if (told_of_writing_) writable_ = want_write_;
    timeval limit{timeout_ms / 1000, timeout_ms % 1000 * 1000L};
    const int answer =
        sys::select(highest_ + 1, &readable_, told_of_writing_ ? &writable_ : nullptr,
                    timeout_ms < 0 ? nullptr : &limit);
    count_ = answer == -EBADF ? find_closed() : events_told(answer, timeout_ms);
  }

  void dispatch() noexcept override {
    if (count_ == 0) return;
    for_each_in(readable_, [this](SocketRecord& socket) {
      if (socket.waiting[0] == nullptr) [[unlikely]]
        ask_no_more_to_read(socket);
      on_readable(socket);
    });
    if (!told_of_writing_) return;
    for_each_in(writable_, [this](SocketRecord& socket) {
      if (socket.waiting[1] == nullptr) ask_no_more_to_write(socket);
      on_ready(socket, SocketRecord::kWritable);
    });
  }

  // A word of bits at a time, where FD_ISSET would look at each bit. It is read again after every
  // visit: unwatch takes out who was closed by it.
  template <class Visit>
  [[gnu::always_inline]] void for_each_in(const fd_set& set, Visit visit) noexcept {
    for (std::size_t word = 0; static_cast<int>(word * kBits) <= highest_; ++word) {
      SocketRecord* const* const first = &watched_[word * kBits];
      for (std::uint64_t bits = word_of(set, word); bits != 0;
           bits = bits & (bits - 1) & word_of(set, word))
        visit(*first[std::countr_zero(bits)]);
    }
  }

  static std::uint64_t word_of(const fd_set& set, std::size_t word) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, reinterpret_cast<const std::byte*>(&set) + word * sizeof bits, sizeof bits);
    return bits;
  }

  // A borrowed descriptor was closed by its owner, and select does not say which one. Whoever
  // waits for it is told.
  [[gnu::cold]] std::size_t find_closed() noexcept {
    FD_ZERO(&readable_);
    FD_ZERO(&writable_);
    told_of_writing_ = true;
    std::size_t found = 0;
    for (int descriptor = 0; descriptor <= highest_; ++descriptor) {
      SocketRecord* const socket = watched_[static_cast<std::size_t>(descriptor)];
      pollfd entry{descriptor, 0, 0};
      if (socket == nullptr || sys::poll(&entry, 1, 0) <= 0) continue;
      if ((entry.revents & POLLNVAL) == 0) continue;
      ask_no_more_to_read(*socket);
      ask_no_more_to_write(*socket);
      FD_SET(descriptor, &readable_);
      FD_SET(descriptor, &writable_);
      ++found;
    }
    return found;
  }

  fd_set want_read_, want_write_;  // what select is asked
  fd_set readable_, writable_;     // what it answered
  int writers_ = 0;                // who waits to send: mostly nobody
  bool told_of_writing_ = false;   // `writable_` is an answer
  std::size_t count_ = 0;
  int highest_ = -1;
  std::array<SocketRecord*, FD_SETSIZE> watched_{};  // by descriptor
};

}  // namespace

Result<std::unique_ptr<EngineCore>> make_select_engine() {
  auto engine = std::make_unique<SelectEngine>();
  if (const auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

}  // namespace headrace::detail
