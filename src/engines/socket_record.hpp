// SPDX-License-Identifier: MIT
//
// The engine's side of a socket, and what a server keeps of a connection beside it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "headrace/operation.hpp"
#include "net/socket.hpp"

namespace headrace {
class Endpoint;
}

namespace headrace::detail {

class EngineCore;
struct DatagramSide;  // what a datagram socket has beside (datagram_side.hpp)

/// A peer's address, small enough to be kept for every connection.
struct CompactAddress {
  alignas(8) std::array<std::uint8_t, 16> bytes{};  // IPv6, or IPv4 mapped into it
  std::uint32_t zone = 0;
  std::uint16_t port = 0;
  Transport transport = Transport::tcp;

  bool operator==(const CompactAddress&) const noexcept = default;
};

[[nodiscard]] CompactAddress compact(const net::SocketAddress& address,
                                     Transport transport) noexcept;
[[nodiscard]] Address expand(const CompactAddress& compact) noexcept;

/// What is counted of a connection. Written by the one thread that serves it, read by any, also
/// across processes.
struct ConnectionInfo {
  std::atomic<std::uint64_t> received = 0;  // bytes
  std::atomic<std::uint64_t> sent = 0;      // bytes
  std::atomic<std::uint64_t> messages = 0;  // receives that brought bytes
  std::atomic<std::uint64_t> id = 0;        // 0: made with connect()
  CompactAddress peer{};
};

/// Adds where only one thread writes: no locked instruction.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/// Who keeps a server's connections in view. Called on the thread where it happens.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  /// A place for a new connection; null when it is refused, and then closed. It counts from
  /// `serving` on.
  virtual ConnectionInfo* admit(const net::SocketAddress& peer, Transport transport) noexcept = 0;
  /// The service is about to run for it: it has arrived, and gets its id.
  virtual void serving(ConnectionInfo& connection) noexcept = 0;
  virtual void message(ConnectionInfo& connection, ByteView bytes) noexcept = 0;
  virtual void datagram(const DatagramSide& socket, const Endpoint& sender,
                        ByteView bytes) noexcept = 0;
  /// It was admitted but cannot be served: it counts as refused. Not after `serving`.
  virtual void unserved(ConnectionInfo& connection, Errc why) noexcept = 0;
  /// `last` is how its last failed operation ended, or `end_of_stream`.
  virtual void departed(ConnectionInfo& connection, Errc last) noexcept = 0;
  /// Whether it is to be closed, by a command.
  [[nodiscard]] virtual bool is_kicked(const ConnectionInfo& connection) const noexcept = 0;
};

struct SocketRecord {
  enum Ready : std::uint8_t { kReadable = 1, kWritable = 2 };  // 1 << WaitFor
  enum Flag : std::uint8_t {
    kBorrowed = 1,     // the descriptor is somebody else's: not to be closed
    kWatched = 2,      // every message is told to the observer
    kServing = 4,      // a listener whose connections the observer admits
    kLingering = 8,    // our side is shut, bytes are thrown away until the peer's FIN
    kQueuedRead = 16,  // the waiting operation is in the queue to be looked at again
    kQueuedWrite = 32,
    kClosed = 64,  // dead; in memory until the batch of events that may name it is over
    kInUse = 128,
  };

  EngineCore* engine = nullptr;
  int descriptor = -1;
  std::uint8_t flags = 0;
  // By WaitFor:
  std::array<bool, 3> ready{};  // an attempt may succeed: a hint, the call decides
  std::array<bool, 3> armed{};  // the kernel will tell, so waiting takes no more than being noted
  std::uint8_t receive_flags = 0;   // for recv(2)
  std::uint32_t trusted_below = 0;  // a read that brings fewer bytes has emptied the socket
  std::array<Operation*, 2>
      waiting{};  // by WaitFor: the receive, accept or ready; the send or connect
  union {
    TimerNode timer{};  // event loops: looked at no later than the earliest deadline of the two
    std::array<std::int64_t, 2>
        kernel_limit;  // blocking: SO_RCVTIMEO and SO_SNDTIMEO in ns, 0 for none
  };
  union {
    ConnectionInfo* info = nullptr;
    SocketRecord* next;  // once it is closed or free
  };
  std::int64_t active_at = 0;  // when a byte last moved, by the engine's clock
  Transport transport = Transport::tcp;
  Errc last = Errc::end_of_stream;   // how its last failed operation ended
  std::uint8_t asked = 0;            // epoll-level: the events that the kernel is asked to tell
  std::uint32_t moved_at_last = 0;   // low bits of the bytes moved until then
  DatagramSide* datagram = nullptr;  // owned; null for streams
};

/// Bytes received and sent so far.
inline std::uint64_t bytes_moved(const SocketRecord& socket) noexcept {
  return socket.info->received.load(std::memory_order_relaxed) +
         socket.info->sent.load(std::memory_order_relaxed);
}

/// How the connection ends if nothing moves any more. Not told of draining, nor while lingering:
/// those are endings that the server wants.
inline void note_failure(SocketRecord& socket, Errc why) noexcept {
  if (why == Errc::draining || (socket.flags & SocketRecord::kLingering) != 0 ||
      socket.info == nullptr)
    return;
  socket.last = why;
  socket.moved_at_last = static_cast<std::uint32_t>(bytes_moved(socket));
}

}  // namespace headrace::detail
