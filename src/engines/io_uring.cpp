// SPDX-License-Identifier: MIT
//
// io_uring(7), 2019: requests are written into a queue shared with the kernel, which carries them
// out and puts what came of each into another. One call, io_uring_enter(2), hands over all that was
// written and waits; a message has no call of its own.
//
// A receive is asked for once and completes again and again (multishot), each time in a buffer that
// the kernel takes from a ring of ours; so does an accept. A send is one request. What gains
// nothing that way (datagrams, which come by the batch; connect, which happens once; descriptors of
// others) is tried and awaited as under the other event loops, with a poll request for an interest.
//
// A record stays until its last completion: the kernel may still write to what it names. Not here:
// the life of receive, send and accept (io_uring_operations.cpp, io_uring_reading.cpp), buffers
// (io_uring_buffers.hpp).
#include "engines/io_uring.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

namespace headrace::detail {

namespace {

net::RingSizes sizes_for_all{};

}  // namespace

void set_ring_sizes(const net::RingSizes& sizes) noexcept { sizes_for_all = sizes; }

Result<> IoUringEngine::open(const net::RingSizes& sizes) noexcept {
  if (const auto opened = ring_.open(sizes); !opened) return opened;
  if (const auto prepared = buffers_.prepare(sizes.buffers); !prepared) return prepared;
  if (const auto prepared = prepare(); !prepared) return prepared;
  return arm(wake_up_record(), WaitFor::readable);
}

IoUringEngine::~IoUringEngine() {
  take_back_all();
  ring_.close();  // before the buffers go
}

// If this is not the thread that the ring belongs to, that one has ended, and with it its requests.
void IoUringEngine::take_back_all() noexcept {
  if (!ring_.is_enabled()) return;
  if (io_uring_sqe* const request = ring_.next_submission(); request != nullptr) {
    io_uring_prep_cancel64(request, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(request, tag(self(), Of::nobody));
    (void)ring_.submit_and_wait(0);
  }
  ring_.take_completions([](const io_uring_cqe& completion) {
    const auto about = static_cast<Of>(completion.user_data & kAboutBits);
    if (about == Of::accept && completion.res >= 0) (void)sys::close(completion.res);
  });
  for (const Unclaimed& one : unclaimed_) (void)sys::close(one.descriptor);  // nobody knows of it
}

// Registering: the kernel is told nothing before something is asked of it.

Result<> IoUringEngine::watch(SocketRecord& socket) noexcept {
  socket.ring = {.generation = ++generation_, .bits = 0, .error = 0};
  return {};
}

// The kernel keeps the file as long as it works on a request, so the peer would see no FIN; and a
// request that was not handed over yet would act on whoever has the descriptor's number next. So
// both end before the descriptor is closed.
void IoUringEngine::unwatch(SocketRecord& socket) noexcept {
  drop_unread(socket);
  drop_unclaimed(socket);
  socket.ring.clear(RingState::kEnded);
  if (!socket.ring.has(RingState::kInKernel)) return;
  bool asked = true;
  const auto end = [&](RingState::Bit bit, Of what) {
    if (!socket.ring.has(bit)) return;
    ring_.take_back(tag(socket, what));
    asked = ask_to_stop(socket, what) && asked;
  };
  end(RingState::kReceiving, asked_for(socket));
  end(RingState::kPollingRead, Of::poll_read);
  end(RingState::kPollingWrite, Of::poll_write);
  if (!asked && (socket.flags & SocketRecord::kBorrowed) == 0)
    (void)sys::shutdown(socket.descriptor, SHUT_RDWR);  // that ends them as well
  (void)ring_.submit_and_wait(0);  // if it takes nothing now, the next one does
}

void IoUringEngine::release(SocketRecord& socket) noexcept {
  socket.ring.set(RingState::kEnded);
  let_go(socket);
}

/// Frees a closed record that nobody names any more: neither the kernel, nor a list of this turn.
void IoUringEngine::let_go(SocketRecord& socket) noexcept {
  if (socket.ring.has(RingState::kEnded) && !socket.ring.has(RingState::kInKernel))
    records_.give(socket);
}

bool IoUringEngine::ask_to_stop(const SocketRecord& socket, Of what) noexcept {
  io_uring_sqe* const request = ring_.next_submission();
  if (request == nullptr) return false;
  io_uring_prep_cancel64(request, tag(socket, what), 0);
  io_uring_sqe_set_data64(request, tag(self(), Of::nobody));
  return true;
}

// An operation that is attempted waits: for it the kernel looks at the descriptor, once.
Result<> IoUringEngine::arm(SocketRecord& socket, WaitFor direction) noexcept {
  const bool reads = direction == WaitFor::readable;
  const auto bit = reads ? RingState::kPollingRead : RingState::kPollingWrite;
  if (socket.ring.has(bit)) return {};
  io_uring_sqe* const request = ring_.next_submission();
  if (request == nullptr) return fail(Errc::out_of_memory, "io_uring_enter");
  io_uring_prep_poll_add(request, socket.descriptor, reads ? POLLIN : POLLOUT);
  io_uring_sqe_set_data64(request, tag(socket, reads ? Of::poll_read : Of::poll_write));
  socket.ring.set(bit);
  return {};
}

// Waiting.

void IoUringEngine::wait(int timeout_ms) noexcept {
  constexpr int kMoment = 10;
  buffers_.bring_home();
  if (starved_ != nullptr) [[unlikely]]
    timeout_ms = buffers_.in_ring() != 0 ? 0 : kMoment;
  const int answer = ring_.submit_and_wait(timeout_ms);
  // EBUSY: completions have piled up, and are to be taken first.
  if (answer < 0 && answer != -EBUSY) [[unlikely]]
    (void)events_told(answer, timeout_ms);
}

// The paths of a usual message, within one loop: everything that the next completion needs stays in
// registers.

/// One of many, with a buffer, so there are bytes; and they were all, so the low half says no more.
[[gnu::always_inline]] inline void IoUringEngine::on_received(
    SocketRecord& socket, const io_uring_cqe& completion) noexcept {
  constexpr std::uint16_t kOneOfMany = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
  constexpr unsigned kUnusual = SocketRecord::kQueuedRead | SocketRecord::kWatched;
  const std::uint32_t told = completion.flags;
  Operation* const operation = socket.waiting[0];
  if (static_cast<std::uint16_t>(told) != kOneOfMany || operation == nullptr ||
      (socket.flags & kUnusual) != 0) [[unlikely]]
    return on_unusual_receive(socket, completion);
  const auto size = static_cast<std::uint32_t>(completion.res);
  operation->lease.block = buffers_.lend(told >> IORING_CQE_BUFFER_SHIFT, size);
  (void)note_bytes(*operation, socket, size);
  socket.active_at = now_;
  socket.waiting[0] = nullptr;
  resume_usual(*operation);
}

/// All of it is gone (an error is no size), and nobody has wanted to stop it: the task of one that
/// was to be stopped may be cancelled, and must find that out.
[[gnu::always_inline]] inline void IoUringEngine::on_sent(SocketRecord& socket,
                                                          const io_uring_cqe& completion) noexcept {
  Operation& operation = *socket.waiting[1];
  const auto gone = static_cast<std::size_t>(completion.res);
  if (gone != operation.sending.size() || (socket.flags & SocketRecord::kQueuedWrite) != 0 ||
      socket.ring.has(RingState::kSendStopping)) [[unlikely]]
    return on_unusual_send(socket, completion.res);
  socket.ring.clear(RingState::kSending);
  add(socket.info->sent, gone);
  (void)finish(operation);
  socket.active_at = now_;  // it may have waited for long
  socket.waiting[1] = nullptr;
  resume_usual(operation);
}

[[gnu::always_inline]] inline void IoUringEngine::on_completion(
    const io_uring_cqe& completion) noexcept {
  constexpr std::uint64_t kAddressBits = (std::uint64_t{1} << kGenerationShift) - 1 - kAboutBits;
  static_assert(alignof(SocketRecord) > kAboutBits);
  const std::uint64_t named = completion.user_data;
  SocketRecord& socket = *std::bit_cast<SocketRecord*>(named & kAddressBits);
  if (socket.ring.generation != static_cast<std::uint16_t>(named >> kGenerationShift)) [[unlikely]]
    return on_stale(completion);
  const auto about = static_cast<Of>(named & kAboutBits);
  if (about == Of::receive) return on_received(socket, completion);
  if (about == Of::send) [[likely]]
    return on_sent(socket, completion);
  on_unusual(socket, completion, about);
}

void IoUringEngine::dispatch() noexcept {
  ring_.take_completions([this](const io_uring_cqe& completion) { on_completion(completion); });
  if (starved_ != nullptr) [[unlikely]] {
    buffers_.bring_home();
    feed_starved();
  }
}

// The rarer ones.

void IoUringEngine::on_unusual(SocketRecord& socket, const io_uring_cqe& completion,
                               Of about) noexcept {
  if (about == Of::accept) return on_accepted(socket, completion);
  if (about != Of::nobody) on_polled(socket, about == Of::poll_read ? 0 : 1);
}

// No record is freed before its last completion; should one come after all, it is nobody's.
void IoUringEngine::on_stale(const io_uring_cqe& completion) noexcept {
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0)
    give_back(buffers_.lend(completion.flags >> IORING_CQE_BUFFER_SHIFT, 0));
}

// Whatever it says, a try will show.
void IoUringEngine::on_polled(SocketRecord& socket, unsigned direction) noexcept {
  socket.ring.clear(direction == 0 ? RingState::kPollingRead : RingState::kPollingWrite);
  if ((socket.flags & SocketRecord::kClosed) != 0) return let_go(socket);
  Operation* const operation = socket.waiting[direction];
  if (operation != nullptr && is_carried(*operation)) {
    // It may be another than the one that armed this poll, and in the kernel already: its
    // completion is all that it waits for.
    const auto carried = direction == 0 ? RingState::kReceiving : RingState::kSending;
    if ((socket.flags & queued_flag(direction)) == 0 && !socket.ring.has(carried))
      enqueue(*operation);
    return;
  }
  on_ready(socket, 1U << direction);
  keep_watch(socket, direction);
}

/// Whoever waits after a try in vain needs another poll.
void IoUringEngine::keep_watch(SocketRecord& socket, unsigned direction) noexcept {
  Operation* const operation = socket.waiting[direction];
  const unsigned busy = queued_flag(direction) | SocketRecord::kClosed;
  if (operation == nullptr || (socket.flags & busy) != 0 || is_carried(*operation)) return;
  if (!arm(socket, operation->type->wait)) enqueue(*operation);
}

Result<std::unique_ptr<EngineCore>> make_io_uring_engine() {
  auto engine = std::make_unique<IoUringEngine>();
  if (const auto opened = engine->open(sizes_for_all); !opened)
    return std::unexpected(opened.error());
  return engine;
}

}  // namespace headrace::detail
