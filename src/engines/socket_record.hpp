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

/// io_uring: what the kernel is doing for a socket.
struct RingState {
  enum Bit : std::uint8_t {
    kReceiving = 1,     // a receive, or an accept, is in the kernel
    kSending = 2,       // a send is
    kPollingRead = 4,   // a poll is
    kPollingWrite = 8,  // likewise
    kInKernel = 15,     // any of them: the record may still be named by a completion
    kStopping = 16,     // it has been asked to let go of the receive
    kSendStopping = 32,
    kPolite = 64,  // the last receive emptied the socket: the next may be one for many
    kEnded = 128,  // the stream's end has come, and nobody has been told: `error`; once it is
                   // closed: so has the end of that turn
  };

  std::uint16_t generation;  // part of what a completion names
  std::uint8_t bits;
  std::uint8_t error;  // errno of the end; 0 for FIN

  [[nodiscard]] bool has(unsigned any) const noexcept { return (bits & any) != 0; }
  void set(unsigned some) noexcept { bits = static_cast<std::uint8_t>(bits | some); }
  void clear(unsigned some) noexcept { bits = static_cast<std::uint8_t>(bits & ~some); }
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
    kClosed = 64,      // dead; in memory until the batch of events that may name it is over
    kSendWaits = 128,  // a send has come to wait: whatever moves restarts its idle timeout too
  };

  EngineCore* engine = nullptr;
  int descriptor = -1;
  std::uint8_t flags = 0;
  // By WaitFor:
  std::array<bool, 3> ready{};  // an attempt may succeed: a hint, the call decides
  std::array<bool, 3> armed{};  // the kernel will tell, so waiting takes no more than being noted
  std::uint8_t receive_flags = 0;  // for recv(2)
  union {
    std::uint32_t trusted_below = 0;  // a read that brings fewer bytes has emptied the socket
    RingState ring;  // io_uring, which trusts no read of its own: a receive's look at the other
                     // one means nothing there
  };
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
  Errc last = Errc::end_of_stream;  // how its last failed operation ended
  std::uint8_t asked = 0;           // epoll-level: the events that the kernel is asked to tell;
                                    // io_uring: what its request for reading is
  std::uint32_t moved_at_last = 0;  // low bits of the bytes moved until then
  union {
    DatagramSide* datagram = nullptr;  // owned; null for streams
    BufferBlock* unread;  // io_uring, streams: received before it was asked for. The last of a
                          // circle; null when there is none, and once it is closed
  };
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
