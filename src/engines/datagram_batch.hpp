// SPDX-License-Identifier: MIT
//
// Datagrams by the batch, for event loops: what recvmmsg(2) has brought and nobody has asked for
// yet, and what was posted and waits for sendmmsg(2). A system call costs as much as handling a
// small datagram; so a task that takes one after another need not pay it for each.
//
// How far to read ahead follows what comes: one more than seems to be there proves, by its absence,
// that the socket is empty, and saves the call that would say so. Not here: operations
// (datagram_operations.cpp).
#pragma once

#include <array>

#include <sys/socket.h>

#include "engines/datagram_control.hpp"
#include "engines/datagram_side.hpp"

namespace headrace::detail {

class DatagramBatch {
 public:
  static constexpr unsigned kMost = 32;
  /// Blocks that a busy socket has in use, read ahead and to be sent.
  static constexpr std::size_t kBlocks = 2UZ * kMost;

  explicit DatagramBatch(SocketRecord& socket) noexcept;
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;
  /// What has not gone out is tried once more; what nobody has asked for is lost.
  ~DatagramBatch();

  // Receiving.

  [[nodiscard]] bool has_received() const noexcept { return next_ != count_; }
  /// Reads ahead, when there is nothing left: how many have come, or a negative errno.
  int read_ahead() noexcept;
  /// The next one; there is one.
  Lease take() noexcept {
    const Lease first = ahead_[next_++];
    return first;
  }
  /// Reading further would find nothing.
  [[nodiscard]] bool has_emptied_socket() const noexcept { return emptied_; }

  // Sending.

  [[nodiscard]] bool has_posted() const noexcept { return posted_ != 0; }
  [[nodiscard]] bool has_many_posted() const noexcept { return posted_ >= kMost / 2; }
  [[nodiscard]] bool is_full() const noexcept { return posted_ == kMost; }
  /// Takes a datagram in, when it is not full: `block` holds the bytes, and in its head to whom.
  void post(Lease bytes) noexcept { to_send_[posted_++] = {bytes, 0}; }
  /// Sends what can be sent without waiting.
  void send_posted() noexcept;
  /// Gives up the oldest of those that wait for a Unix receiver; false when there is none such.
  bool give_up_oldest() noexcept;

  SocketRecord* next_unsent = nullptr;  // in its engine's list
  bool is_listed = false;

 private:
  /// What recvmmsg(2) is asked for. Prepared once; each call changes what the last one has changed.
  struct Inbox {
    std::array<BufferBlock*, kMost> blocks;
    std::array<iovec, kMost> bytes;
    std::array<mmsghdr, kMost> messages;
    std::array<ReceivedControl, kMost> controls;
  };
  struct Outbox;
  struct Posted {
    Lease bytes;
    unsigned tries;  // a Unix receiver whose queue was full
  };

  /// So many blocks to receive into as are wanted, or fewer where memory is short.
  [[nodiscard]] unsigned offer_blocks() noexcept;
  void adapt(unsigned received) noexcept;
  /// How many from `first` on can be one message.
  [[nodiscard]] unsigned alike_from(unsigned first) const noexcept;
  /// All from `first` to `end`; returns how many messages they are.
  unsigned make_messages(unsigned first, unsigned end, Outbox& to) const noexcept;
  /// How far from `first` on may be sent at once. Drops what a Unix receiver that does not read
  /// would get.
  unsigned part_from(unsigned first) noexcept;
  void end_sent(unsigned first, unsigned count) noexcept;
  void drop(Posted& posted) const noexcept;

  SocketRecord& socket_;
  Inbox inbox_;
  std::array<Lease, kMost> ahead_{};
  unsigned next_ = 0;
  unsigned count_ = 0;
  unsigned wanted_ = 2;
  bool emptied_ = false;
  std::array<Posted, kMost> to_send_{};
  unsigned posted_ = 0;
  bool segments_ = socket_.transport == Transport::udp;  // until the kernel refuses them
};

/// It takes no system call, or next to none: what is received is there already, or what is posted
/// will go out with others. Waiting for a turn would arm the socket for writing, and then the
/// kernel tells of every datagram that has gone. Only for datagram sockets.
[[nodiscard]] bool needs_no_turn(const Operation& operation) noexcept;

}  // namespace headrace::detail
