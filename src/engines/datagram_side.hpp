// SPDX-License-Identifier: MIT
//
// What a datagram socket has beside what every socket has: its counts, and in the headroom of each
// block what recvmsg(2) tells about the datagram in it. Not here: how that is read and written
// (datagram_control.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "engines/buffer_pool.hpp"
#include "engines/socket_record.hpp"
#include "headrace/datagram.hpp"
#include "net/unread_answers.hpp"

namespace headrace::detail {

/// DatagramCounts, where several processes see them. Written by one worker each; but `dropped` is
/// the kernel's number, and of a socket that workers share they all write the same one.
struct alignas(64) DatagramTally {
  std::atomic<std::uint64_t> received, bytes_received, sent, bytes_sent, failed, truncated,
      unanswered, limited;
  std::atomic<std::uint64_t> dropped;
  std::atomic<bool> closed_to_new;  // what is dropped now is dropped on purpose
};

[[nodiscard]] DatagramCounts counts_of(const DatagramTally& tally) noexcept;

inline void raise_to(std::atomic<std::uint64_t>& highest, std::uint64_t value) noexcept {
  std::uint64_t seen = highest.load(std::memory_order_relaxed);
  while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

/// Which address of this machine a datagram was sent to: to be known where a socket has all of
/// them.
struct OwnHost {
  enum class Family : std::uint8_t { unknown, ipv4, ipv6 };

  std::array<std::uint8_t, 16> bytes;  // IPv4: the first four
  Family family;

  bool operator==(const OwnHost& other) const noexcept {
    return family == other.family && (family == Family::unknown || bytes == other.bytes);
  }
};

/// In front of the bytes of a datagram, behind the BufferBlock.
struct DatagramHead {
  Endpoint sender;
  OwnHost host;  // an answer leaves from it
  bool truncated;
  bool is_answer;
};
static_assert(sizeof(BufferBlock) + sizeof(DatagramHead) <= BufferPool::kHeadroom);

inline DatagramHead& head_of(BufferBlock* block) noexcept {
  return *reinterpret_cast<DatagramHead*>(block + 1);
}

class DatagramBatch;

struct DatagramSide {
  DatagramSide() noexcept;
  DatagramSide(const DatagramSide&) = delete;
  DatagramSide& operator=(const DatagramSide&) = delete;
  ~DatagramSide();

  DatagramTally own{};
  DatagramTally* tally = &own;  // a server's are in memory that its children share
  std::atomic<std::uint64_t>* dropped = &own.dropped;
  Endpoint local{};                    // where it was bound
  std::span<const Endpoint> server{};  // where the sockets of the same server are
  bool connected = false;
  std::unique_ptr<DatagramBatch> batch{};        // null under a blocking engine
  std::unique_ptr<net::UnreadAnswers> unread{};  // of a Unix socket

  /// Nothing more is to be sent to `peer` before it has read what it was.
  [[nodiscard]] bool holds_back(const Endpoint& peer) const noexcept {
    return unread != nullptr && unread->holds_back(peer);
  }
};

/// What lies in a block, to be sent to whoever its head names.
inline Outgoing outgoing_of(const Lease& lease) noexcept {
  const auto* const bytes = reinterpret_cast<const std::byte*>(lease.block) + lease.begin;
  return {{bytes, lease.size}, &head_of(lease.block).sender, lease.block};
}

void look_for_drops(SocketRecord& socket) noexcept;

/// One call each: recvmsg(2) into `block`, sendmsg(2).
ssize_t receive_datagram(int descriptor, BufferBlock* block, int flags,
                         DatagramSide& side) noexcept;
ssize_t send_datagram(int descriptor, const Outgoing& outgoing, int flags,
                      const DatagramSide& side) noexcept;

}  // namespace headrace::detail
