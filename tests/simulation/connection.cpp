// SPDX-License-Identifier: MIT
//
// Both ends of a connection, and the faults that a kernel in order may answer with.
#include "connection.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel.hpp"
#include "pattern.hpp"

namespace headrace::simulation {

namespace {

// sock_def_readable wakes with these, whatever has come.
constexpr std::uint32_t kDataReady = EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND;

}  // namespace

// The peer's side.

void Connection::arrive(std::uint64_t bytes) noexcept {
  arrived_ += bytes;
  if (server_closed || receive_shut_) return;
  wake(kDataReady);
}

void Connection::arrive_urgent() noexcept {
  urgent_at_ = arrived_++;
  if (!server_closed) wake(kDataReady);
}

void Connection::finish() noexcept {
  if (std::exchange(finished_, true) || was_reset_ || server_closed) return;
  receive_shut_ = true;
  wake(0);
}

void Connection::leave() noexcept {
  if (queued_ != 0) return reset();
  peer_left_ = true;
  finish();
  if (!is_unix_ || server_closed) return;
  receive_shut_ = send_shut_ = true;  // unix_release_sock: told at once
  wake(0);
}

void Connection::reset() noexcept {
  peer_left_ = true;
  if (std::exchange(was_reset_, true) || server_closed) return;
  error_ = finished_ && !send_shut_ && !is_unix_ ? EPIPE : ECONNRESET;  // TCP_CLOSE_WAIT, or not
  receive_shut_ = send_shut_ = true;
  queued_ = 0;
  wake(0);
}

void Connection::relieve() noexcept {
  if (pressed_until_ == 0 || kernel_.now < pressed_until_) return;
  pressed_until_ = 0;
  if (!server_closed && is_writable() && std::exchange(no_space_, false)) wake(EPOLLOUT);
}

std::uint64_t Connection::take(std::uint64_t most) noexcept {
  const std::uint64_t taken = std::min(most, queued_);
  queued_ -= taken;
  if (taken != 0 && !server_closed && is_writable() &&
      (is_unix_ || std::exchange(no_space_, false)))
    wake(EPOLLOUT);
  return taken;
}

// The server's side.

// sk_stream_is_writeable: a third is free; unix_writable: three quarters are.
bool Connection::is_writable() const noexcept {
  if (pressed_until_ != 0) return false;
  return is_unix_ ? queued_ * 4 <= room_.send : queued_ * 3 <= room_.send * 2;
}

std::uint32_t Connection::ready() noexcept {
  std::uint32_t events = 0;
  if (error_ != 0) events |= EPOLLERR;
  if (receive_shut_ && send_shut_) events |= EPOLLHUP;
  if (receive_shut_) events |= EPOLLIN | EPOLLRDHUP;
  if (readable() != 0) events |= EPOLLIN;
  if (urgent_at_ != kNoPlace && urgent_at_ >= taken_) events |= EPOLLPRI;
  if (send_shut_ || is_writable())
    events |= EPOLLOUT;
  else
    no_space_ = true;
  return events;
}

std::uint64_t Connection::copy_out(std::byte* to, std::uint64_t size) noexcept {
  std::uint64_t copied = 0;
  while (copied < size && taken_ < arrived_) {
    if (taken_ == urgent_at_) {
      if (copied != 0) break;  // a receive ends at the mark
      ++taken_;                // and the next one begins behind the byte, which is not in line
      continue;
    }
    const std::uint64_t end = urgent_at_ > taken_ ? std::min(arrived_, urgent_at_) : arrived_;
    const std::uint64_t piece = std::min(end - taken_, size - copied);
    write_pattern(number_, payload_at(taken_), to + copied, piece);
    taken_ += piece;
    copied += piece;
  }
  return copied;
}

ssize_t Connection::end_of_receive() noexcept {
  if (!receive_shut_ && error_ == 0) return -EAGAIN;
  knows_end = true;
  // SOCK_DONE comes before any error, which comes before a side that is shut.
  const bool is_done = finished_ && !is_unix_;
  if (error_ != 0 && !is_done) return -std::exchange(error_, 0);
  saw_end = true;
  return 0;
}

// What is left of it has come just after the call: an edge of its own. But a Unix socket's receive
// also ends where the sender's rights change, and nobody tells of what lies behind.
void Connection::make_short(std::size_t& size) noexcept {
  const std::uint64_t there = readable();
  if (there < 2 || !kernel_.strikes(kernel_.faults.short_receive)) return;
  size = std::min<std::size_t>(size, 1 + kernel_.random.below(there - 1));
  if (!is_unix_ || kernel_.random.one_in(2)) wake(kDataReady);
}

ssize_t Connection::receive(void* bytes, std::size_t size) noexcept {
  make_short(size);
  const std::uint64_t got = copy_out(static_cast<std::byte*>(bytes), size);
  if (got == 0) {
    const ssize_t answer = end_of_receive();
    if (!send_shut_) last_receive = static_cast<int>(answer);
    return answer;
  }
  if (!send_shut_) last_receive = 1;
  received += got;
  if (!send_shut_) to_echo += got;
  moved_at = kernel_.now;
  peer_.has_news();
  return static_cast<ssize_t>(got);
}

ssize_t Connection::send(const void* bytes, std::size_t size) noexcept {
  if (error_ != 0) return -std::exchange(error_, 0);
  if (send_shut_) return -EPIPE;
  if (pressed_until_ == 0 && kernel_.strikes(kernel_.faults.pressure)) {
    pressed_until_ = kernel_.now + kernel_.random.up_to(5'000'000);
    peer_.has_news_at(pressed_until_);
  }
  const std::uint64_t free = queued_ < room_.send ? room_.send - queued_ : 0;
  if (free == 0 || pressed_until_ != 0) return no_space_ = true, -EAGAIN;
  std::uint64_t gone = std::min<std::uint64_t>(size, free);
  if (gone < size) no_space_ = true;
  if (gone > 1 && kernel_.strikes(kernel_.faults.short_send)) gone = 1 + kernel_.random.below(gone);
  if (sent + gone > to_echo) kernel_.complain("more bytes are sent back than were received");
  if (!is_pattern(number_, sent, bytes, gone)) kernel_.complain("wrong bytes are sent back");
  sent += gone;
  moved_at = kernel_.now;
  if (!peer_left_) queued_ += gone;
  peer_.has_news();  // who has left answers with RST
  return static_cast<ssize_t>(gone);
}

int Connection::shut(int how) noexcept {
  if (was_reset_ && !is_unix_) return -ENOTCONN;
  if (how != SHUT_WR) receive_shut_ = true;
  if (how != SHUT_RD) {
    send_shut_ = true;
    silent_when_shut = kernel_.now - moved_at;
    restarted_at = kernel_.now;
  }
  wake(0);
  peer_.has_news();
  return 0;
}

void Connection::closed() noexcept {
  server_closed = true;
  if (unread() != 0 && !was_reset_) {
    was_reset_ = true;
    queued_ = 0;
  }
  peer_.has_news();
}

const char* Connection::neglected() const noexcept {
  if (server_closed || excused) return nullptr;
  const bool can_send = send_shut_ || is_writable();
  if ((readable() != 0 || error_ != 0 || (receive_shut_ && !knows_end)) && can_send)
    return "bytes or their end wait to be received while everybody sleeps";
  if (!send_shut_ && to_echo > sent && can_send)
    return "bytes wait to be sent back while everybody sleeps";
  return nullptr;
}

void ListeningSocket::closed() noexcept {
  for (Connection* const stream : queue) {
    stream->server_closed = true;
    stream->excused = true;
    stream->peer().has_news();
  }
  queue.clear();
}

}  // namespace headrace::simulation
