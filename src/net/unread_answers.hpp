// SPDX-License-Identifier: MIT
//
// Who keeps a Unix datagram socket's send buffer full. What such a socket has sent stays in that
// buffer until it is read, and of a peer that has connected to it the kernel does not bound how
// much (unix(7)): one that never reads would take all of it, and nobody else could be answered.
#pragma once

#include <array>
#include <cstdint>

#include "headrace/datagram.hpp"
#include "net/socket.hpp"

namespace headrace::net {

class UnreadAnswers {
 public:
  /// Of the socket `server`, which outlives this.
  explicit UnreadAnswers(int server) noexcept : server_{server} {}

  /// Whether what is to be sent to `peer` is better dropped: half of the send buffer is full, and
  /// the peer has not read what it was sent before. Where the kernel does not tell who that is
  /// (unix_diag), never.
  [[nodiscard]] bool holds_back(const Endpoint& peer) noexcept;

 private:
  static constexpr std::size_t kMost = 512;  // more do not fit into a usual buffer

  [[nodiscard]] bool has_room() const noexcept;
  void look_at_peers() noexcept;
  [[nodiscard]] bool ask() noexcept;
  [[nodiscard]] bool take_answer() noexcept;
  void note(const void* row) noexcept;

  int server_;
  Socket netlink_{-1};  // once it was needed
  std::uint64_t inode_ = 0;
  std::array<std::uint64_t, kMost> peers_{};  // hashes of names
  std::size_t count_ = 0;
};

}  // namespace headrace::net
