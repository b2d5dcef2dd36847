// SPDX-License-Identifier: MIT
//
// What a datagram socket has beside what every socket has: its counts, and in the headroom of each
// block what recvmsg(2) tells about the datagram in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "engines/buffer_pool.hpp"
#include "engines/socket_record.hpp"
#include "headrace/datagram.hpp"

namespace headrace::detail {

/// DatagramCounts, where several processes see them. Written by one worker each; but `dropped` is
/// the kernel's number, and of a socket that workers share they all write the same one.
struct DatagramTally {
  std::atomic<std::uint64_t> received, bytes_received, sent, bytes_sent, failed, truncated,
      unanswered, limited;
  std::atomic<std::uint64_t> dropped;
};

inline void raise_to(std::atomic<std::uint64_t>& highest, std::uint64_t value) noexcept {
  std::uint64_t seen = highest.load(std::memory_order_relaxed);
  while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

/// In front of the bytes of a datagram, behind the BufferBlock.
struct DatagramHead {
  static constexpr std::size_t kControl = CMSG_SPACE(sizeof(std::uint32_t));  // SO_RXQ_OVFL

  Endpoint sender;
  alignas(8) std::byte control[kControl];
  bool truncated;
};
static_assert(sizeof(BufferBlock) + sizeof(DatagramHead) <= BufferPool::kHeadroom);

inline DatagramHead& head_of(BufferBlock* block) noexcept {
  return *reinterpret_cast<DatagramHead*>(block + 1);
}

struct DatagramSide {
  DatagramTally own{};
  DatagramTally* tally = &own;  // a server's are in memory that its children share
  std::atomic<std::uint64_t>* dropped = &own.dropped;
  Endpoint local{};                    // where it was bound
  std::span<const Endpoint> server{};  // where the sockets of the same server are
  bool connected = false;
  bool closed_to_new = false;  // what is dropped now is dropped on purpose
};

/// How recvmsg(2) is asked for a datagram into `block`.
msghdr receiving_into(BufferBlock* block, iovec& bytes) noexcept;
/// Puts what recvmsg(2) has told into the block's head.
void take_head(BufferBlock* block, const msghdr& message, DatagramSide& side) noexcept;
/// How sendmsg(2) is asked.
msghdr sending(const Outgoing& outgoing, iovec& bytes) noexcept;

/// One call each: recvmsg(2) into `block`, sendmsg(2).
ssize_t receive_datagram(int descriptor, BufferBlock* block, int flags,
                         DatagramSide& side) noexcept;
ssize_t send_datagram(int descriptor, const Outgoing& outgoing, int flags) noexcept;

}  // namespace headrace::detail
