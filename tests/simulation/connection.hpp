// SPDX-License-Identifier: MIT
//
// A connection of the simulated kernel, as the server's end of it: bytes that have arrived and are
// not read, bytes that the peer has not taken, FIN, RST, the urgent mark; and a listener with its
// queue. What is ready, and who is woken when, follows Linux: tcp_poll, tcp_recvmsg, tcp_sendmsg,
// tcp_reset (net/ipv4), unix_poll (net/unix).
//
// No byte is kept: what arrives is the peer's pattern, and what is sent must be it. Not here: who
// the peer is and when it does something (peer.hpp).
#pragma once

#include <deque>

#include <sys/socket.h>

#include "file.hpp"
#include "random.hpp"

namespace headrace::simulation {

/// The other end, as far as a stream knows it.
class FarEnd {
 public:
  virtual ~FarEnd() = default;
  /// Something has changed: it will look, in a while.
  virtual void has_news() noexcept = 0;
  /// The same, at a time.
  virtual void has_news_at(std::int64_t time) noexcept = 0;
};

/// How much fits.
struct Capacities {
  std::uint64_t receive;
  std::uint64_t send;
};

class Connection final : public File {
 public:
  Connection(Kernel& kernel, FarEnd& peer, std::uint32_t number, bool is_unix,
             Capacities room) noexcept
      : File{kernel}, number_{number}, peer_{peer}, is_unix_{is_unix}, room_{room} {}

  // What the peer does, and sees.

  [[nodiscard]] std::uint64_t room() const noexcept {
    return unread() < room_.receive ? room_.receive - unread() : 0;
  }
  void arrive(std::uint64_t bytes) noexcept;
  void arrive_urgent() noexcept;
  void finish() noexcept;   // FIN
  void leave() noexcept;    // close(2): FIN, or RST when the peer has left bytes unread
  void reset() noexcept;    // RST
  void relieve() noexcept;  // memory to send with has come back
  std::uint64_t take(std::uint64_t most) noexcept;
  /// One urgent byte at most: a second one would put the first back in line.
  [[nodiscard]] bool takes_urgent() const noexcept { return !is_unix_ && urgent_at_ == kNoPlace; }
  [[nodiscard]] std::uint64_t waiting_for_peer() const noexcept { return queued_; }
  /// Nothing more will come: the server has shut its side, or all of it.
  [[nodiscard]] bool server_has_ended() const noexcept { return send_shut_ || server_closed; }

  // What the server does.

  [[nodiscard]] std::uint32_t ready() noexcept override;
  ssize_t receive(void* bytes, std::size_t size) noexcept;
  ssize_t send(const void* bytes, std::size_t size) noexcept;
  int shut(int how) noexcept;
  void closed() noexcept override;

  // What the simulation judges by.

  /// Whether the server has something to do here, and has been told of all of it.
  [[nodiscard]] const char* neglected() const noexcept;
  [[nodiscard]] std::uint64_t unread() const noexcept { return arrived_ - taken_; }
  [[nodiscard]] bool peer_is_gone() const noexcept { return peer_left_ || was_reset_; }
  [[nodiscard]] bool is_unix() const noexcept { return is_unix_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] FarEnd& peer() const noexcept { return peer_; }

  std::uint64_t id = 0;        // the server's; 0: not served
  std::uint64_t received = 0;  // by the server
  std::uint64_t to_echo = 0;   // of these, before it shut its side
  std::uint64_t sent = 0;
  std::int64_t moved_at = 0;      // when bytes last moved
  std::int64_t restarted_at = 0;  // when the idle timeout began anew: a call was interrupted, or
                                  // the server has shut its side and lingers
  std::int64_t silent_when_shut = 0;  // how long no byte had moved when the server shut its side
  int last_receive = 1;    // the last one's answer, or 1 for bytes; until the server shut its side
  bool knows_end = false;  // a receive has answered 0 or an error
  bool saw_end = false;    // a receive has answered 0
  bool excused = false;    // it was given a fault after which it may end anyhow
  bool kicked = false;
  bool departed = false;
  bool server_closed = false;

 private:
  [[nodiscard]] std::uint64_t payload_at(std::uint64_t place) const noexcept {
    return place - (place > urgent_at_ ? 1 : 0);
  }
  [[nodiscard]] bool is_urgent_next() const noexcept {
    return urgent_at_ == taken_ && unread() != 0;
  }
  [[nodiscard]] std::uint64_t readable() const noexcept {
    return unread() - (is_urgent_next() ? 1 : 0);
  }
  [[nodiscard]] bool is_writable() const noexcept;
  std::uint64_t copy_out(std::byte* to, std::uint64_t size) noexcept;
  ssize_t end_of_receive() noexcept;
  void make_short(std::size_t& size) noexcept;

  static constexpr std::uint64_t kNoPlace = ~std::uint64_t{0};

  std::uint32_t number_;
  FarEnd& peer_;
  bool is_unix_;
  Capacities room_;

  std::uint64_t arrived_ = 0;  // places in the stream, the urgent byte's included
  std::uint64_t taken_ = 0;
  std::uint64_t urgent_at_ = kNoPlace;
  std::uint64_t queued_ = 0;  // sent and not yet taken by the peer
  int error_ = 0;             // sk_err: told once
  bool finished_ = false;     // FIN has come
  bool receive_shut_ = false;
  bool send_shut_ = false;
  bool no_space_ = false;  // SOCK_NOSPACE: somebody wants to know of room
  bool was_reset_ = false;
  bool peer_left_ = false;
  std::int64_t pressed_until_ = 0;  // no memory to send with, although there is room
};

/// A listening socket, or one that may become it.
class ListeningSocket final : public File {
 public:
  using File::File;

  [[nodiscard]] std::uint32_t ready() noexcept override {
    return queue.empty() ? 0U : std::uint32_t{EPOLLIN};
  }
  void closed() noexcept override;

  bool is_unix = false;
  int backlog = -1;  // below 0: does not listen
  std::deque<Connection*> queue{};
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::int64_t paused_until = 0;  // accepting has failed for want of something: it may rest
};

}  // namespace headrace::simulation
