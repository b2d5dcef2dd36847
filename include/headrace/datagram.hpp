// SPDX-License-Identifier: MIT
//
// Datagram: a socket for messages without a connection, UDP or Unix. Endpoint: who has sent one, or
// is to get one. Received: one that has come. Not here: names (an Endpoint is numeric), connections
// (stream.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "headrace/address.hpp"
#include "headrace/buffer.hpp"
#include "headrace/operation.hpp"

namespace headrace {

class Engine;

/// An address as the kernel takes it: it can be sent to at once. 120 bytes, copied freely.
class Endpoint {
 public:
  /// Nobody.
  Endpoint() noexcept = default;

  /// Where `address`, of a datagram transport, points: a numeric host, "localhost" (IPv4),
  /// "broadcast" (255.255.255.255), a Unix path. Never asks a name server: any other name fails
  /// with `would_wait`, to be resolved first. Also fails with `invalid_address`, `name_not_found`
  /// (no such zone) and `out_of_memory`.
  [[nodiscard]] static Result<Endpoint> of(const Address& address);

  /// For people: "udp://127.0.0.1:7788".
  [[nodiscard]] Address address() const noexcept;
  /// In host byte order; 0 for a Unix endpoint.
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] bool is_unix() const noexcept;
  /// IPv4 or IPv6 multicast (224.0.0.0/4, ff00::/8).
  [[nodiscard]] bool is_multicast() const noexcept;
  /// Every address of a machine: 0.0.0.0 or [::].
  [[nodiscard]] bool is_wildcard() const noexcept;
  /// Whether something sent to it can arrive at somebody: not for UDP port 0, a broadcast or
  /// wildcard host, or a Unix socket that has no name.
  [[nodiscard]] bool can_be_answered() const noexcept;

  bool operator==(const Endpoint& other) const noexcept;

  /// The kernel's form, a sockaddr. Nothing to send to when `size()` is 0.
  [[nodiscard]] const void* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] void* data() noexcept { return bytes_.data(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  void set_size(std::uint32_t size) noexcept { size_ = size; }
  static constexpr std::uint32_t kCapacity = 112;  // the longest, sockaddr_un, has 110

 private:
  alignas(8) std::array<std::byte, kCapacity> bytes_{};
  std::uint32_t size_ = 0;
};

/// One datagram, in memory lent by the engine. As for Buffer: destroy it on the engine's thread,
/// and do not keep it for long. May be empty: a datagram of no bytes is one too.
class Received : public Buffer {
 public:
  using Buffer::Buffer;

  /// Who has sent it; of an unnamed Unix socket one that cannot be answered. Valid as long as this.
  [[nodiscard]] const Endpoint& sender() const noexcept;
  /// It was longer than the 64 KiB that a buffer holds: the rest is lost. UDP's never are.
  [[nodiscard]] bool is_truncated() const noexcept;
  /// Whoever has sent it says that it is an answer: see Datagram::mark_answers.
  [[nodiscard]] bool is_answer() const noexcept;

 private:
  friend class Answering;
};

/// How a datagram socket is made. The initial values are the kernel's.
struct DatagramOptions {
  /// It may be sent to broadcast addresses (SO_BROADCAST); without, that is `permission_denied`.
  bool broadcast = false;
  /// Others that say so too may bind the same address and port: each gets a copy of what is sent to
  /// a group or broadcast, and one of them what is sent to this machine alone (SO_REUSEADDR).
  bool shared = false;
  /// What is sent to a group also reaches members on this machine.
  bool multicast_loop = true;
  /// How many routers what is sent may pass; 0 leaves it to the kernel: 64, and 1 for groups.
  std::uint8_t ttl = 0;
  /// By which interface groups and broadcasts are sent: "eth0"; empty: as the routes say.
  std::string_view interface{};
  /// Bytes that the kernel may queue, its own overhead included; 0: the system's default. The
  /// kernel caps it at net.core.rmem_max and wmem_max, unless the process may go beyond.
  std::uint32_t receive_buffer = 0;
  std::uint32_t send_buffer = 0;
};

/// What became of the datagrams of a socket.
struct DatagramCounts {
  std::uint64_t received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t failed = 0;      ///< sends that the kernel refused
  std::uint64_t truncated = 0;   ///< of those received
  std::uint64_t dropped = 0;     ///< by the kernel, for want of room in the receive buffer
  std::uint64_t unanswered = 0;  ///< by a service: they could, or should, not be answered
  std::uint64_t limited = 0;     ///< by a service: over its rate limit

  bool operator==(const DatagramCounts&) const noexcept = default;
};

/// Why a service leaves a datagram unanswered.
enum class Unanswered : std::uint8_t { by_rule, by_rate };

namespace detail {

extern const OperationType receive_from_operation;
extern const OperationType send_to_operation;
extern const OperationType post_operation;

/// What a send needs beside its operation; both lie in the awaiter.
struct Outgoing {
  ByteView bytes;
  const Endpoint* to;            // null: the peer that the socket is connected to
  BufferBlock* block = nullptr;  // holds `bytes` and `to`; an answer's is its own to give back
};

template <>
inline Result<Received> take(Operation& operation) noexcept {
  if (operation.outcome != Outcome::done) return std::unexpected(operation.failure);
  return Received{operation.lease};
}

}  // namespace detail

/// What `co_await` takes to send a datagram.
class [[nodiscard]] Sending {
 public:
  Sending(const detail::OperationType& what, detail::SocketRecord* on, Deadline until,
          ByteView bytes, const Endpoint* to) noexcept
      : outgoing_{bytes, to}, operation_{what, on, until} {
    operation_.target = &outgoing_;
  }
  bool await_ready() noexcept { return detail::start(operation_); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    operation_.waiter = waiter.address();
  }
  Result<> await_resume() noexcept { return detail::take<Result<>>(operation_); }

 protected:
  detail::Outgoing outgoing_;
  detail::Operation operation_;
};

/// The same for a datagram that goes back as it came, in the buffer it came in.
class [[nodiscard]] Answering : public Sending {
 public:
  Answering(detail::SocketRecord* on, Received received) noexcept;
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
  ~Answering() {
    if (outgoing_.block != nullptr) detail::give_back(outgoing_.block);
  }
};

/// A datagram socket: UDP over IPv4, IPv6 or both, or Unix.
///
/// Owns its socket; what is queued in it is lost when it is destroyed. Belongs to the engine that
/// made it: use it only from tasks of that engine. One receive and one send (or post, or answer) at
/// a time. Event loops read ahead, up to 32 datagrams a system call, and collect what is posted
/// until the end of the turn: a task that takes one after another has the speed of batches.
class Datagram {
 public:
  /// Bound to `at`: a numeric address or name of this machine (asking the resolver blocks), "*" for
  /// all of them, IPv4 and IPv6; no host means loopback; "broadcast" binds the IPv4 wildcard, else
  /// it would be deaf. Port 0: the kernel chooses. A multicast address gets what is sent to that
  /// group only, once it has been joined. A Unix path that nobody answers at is replaced, under a
  /// lock file; the new one has mode 0600, and is removed with the socket. A Unix address without a
  /// path gets an abstract name from the kernel.
  ///
  /// Failures: `address_in_use`, `address_unavailable`, `permission_denied`, `name_not_found`,
  /// `invalid_address` (a stream transport, an interface that does not exist),
  /// `too_many_descriptors`, `out_of_memory`. See udp(7), unix(7).
  [[nodiscard]] static Result<Datagram> bind(Engine& engine, const Address& at,
                                             const DatagramOptions& options = {});

  /// For sending to `to`, and what is answered: of its family, at a port (or an abstract Unix name)
  /// that the kernel chooses. Failures as for `bind`.
  [[nodiscard]] static Result<Datagram> open(Engine& engine, const Endpoint& to,
                                             const DatagramOptions& options = {});

  explicit Datagram(detail::SocketRecord* socket) noexcept : socket_{socket} {}
  Datagram(Datagram&& other) noexcept
      : socket_{std::exchange(other.socket_, nullptr)},
        file_{std::exchange(other.file_, nullptr)} {}
  Datagram& operator=(Datagram&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~Datagram();

  /// From now on `send` goes to `to`, and only what `to` sends is received. Waits for nothing.
  /// That nobody listens there is told by a later receive or send, once, as `refused`.
  [[nodiscard]] Result<> connect(const Endpoint& to) noexcept;

  /// The next datagram, whole: from 0 bytes to 65,507 over UDP.
  ///
  /// Failures: `timed_out` at `deadline`, `canceled`, `draining` (the server is stopping and
  /// nothing is queued), `refused` or `unreachable` (connected, and an earlier send could not be
  /// delivered), `out_of_memory`. After all but `draining` and `canceled` the socket is still good.
  /// There is no end of stream, and a server's idle timeout does not apply. See recvmsg(2), udp(7).
  Awaitable<Result<Received>> receive(Deadline deadline = Deadline::never()) noexcept {
    return {detail::receive_from_operation, socket_, deadline};
  }

  /// Sends `bytes` as one datagram; `bytes` and `to` must stay valid until this completes. Waits
  /// while the kernel's send buffer (or, Unix, the receiver's queue) is full.
  ///
  /// Failures: `message_too_long` (over 65,507 bytes, or the send buffer), `permission_denied`
  /// (broadcast without the option, a firewall), `refused`, `unreachable`, `timed_out`, `canceled`,
  /// `address_unavailable`, `invalid_address` (another family). The socket stays good after each.
  /// That it was sent does not mean that it arrives. See sendmsg(2).
  Sending send_to(ByteView bytes, const Endpoint& to,
                  Deadline deadline = Deadline::never()) noexcept {
    return {detail::send_to_operation, socket_, deadline, bytes, &to};
  }
  /// The same to the peer that the socket is connected to.
  Sending send(ByteView bytes, Deadline deadline = Deadline::never()) noexcept {
    return {detail::send_to_operation, socket_, deadline, bytes, nullptr};
  }

  /// As `send_to`, but not told how it went: a send that fails is counted (`counts().failed`), and
  /// that is all. Event loops keep a copy and send it, with others, by the end of the turn. Waits
  /// while 32 are kept that the kernel does not take; one for a Unix receiver whose queue stays
  /// full is dropped and counted, so that it does not hold up the others. Fails only with
  /// `canceled` and `out_of_memory`.
  Sending post(ByteView bytes, const Endpoint& to) noexcept {
    return {detail::post_operation, socket_, Deadline::never(), bytes, &to};
  }
  /// As `post`, back to the sender and without a copy; from the address of this machine that it was
  /// sent to, where the socket is bound to all of them.
  Answering answer(Received received) noexcept { return {socket_, std::move(received)}; }

  /// For a service that answers whatever comes. From now on all that is sent from here says that it
  /// is an answer, and `Received::is_answer` is told of what comes. Who marks answers, and answers
  /// none that are marked, cannot be made to talk with another of its kind for ever (RFC 862
  /// services can, by one forged datagram).
  ///
  /// The mark is a differentiated services codepoint, 000111, in the IP header: it costs no byte,
  /// and no other program sees it; a router far away may wipe it off. Nothing for Unix sockets,
  /// whose senders the kernel vouches for. Fails where the kernel refuses the option. See ip(7),
  /// IP_TOS.
  [[nodiscard]] Result<> mark_answers() noexcept;

  /// Joins (leaves) a multicast group, on the interface of that name, or where the routes say.
  /// Failures: `invalid_address` (no group, no such interface), `address_in_use` (joined already),
  /// `address_unavailable` (not a member; no interface can), `out_of_memory` (net.ipv4
  /// .igmp_max_memberships). See ip(7), ipv6(7).
  [[nodiscard]] Result<> join(const Endpoint& group, std::string_view interface = {}) noexcept;
  [[nodiscard]] Result<> leave(const Endpoint& group, std::string_view interface = {}) noexcept;

  /// The bytes that the kernel really queues, as SO_RCVBUF tells: double of what was asked for, its
  /// own overhead included.
  [[nodiscard]] std::uint32_t receive_buffer() const noexcept;

  /// The address bound, with the port the kernel chose.
  [[nodiscard]] Address local() const noexcept;

  /// Whether `sender` is this socket, or one of the same server.
  [[nodiscard]] bool is_own(const Endpoint& sender) const noexcept;

  /// Since the socket was made. Under `serve()`, of this worker.
  [[nodiscard]] DatagramCounts counts() const noexcept;
  /// For a service, about a datagram that it does not answer.
  void note(Unanswered why) noexcept;

  [[nodiscard]] Engine& engine() const noexcept;

 private:
  struct File;  // the path of a Unix socket

  detail::SocketRecord* socket_;
  File* file_ = nullptr;  // owned
};

}  // namespace headrace
