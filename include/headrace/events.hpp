// SPDX-License-Identifier: MIT
//
// ServerEvents: what a server tells whoever wants to know. The library itself logs nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "headrace/address.hpp"
#include "headrace/buffer.hpp"
#include "headrace/datagram.hpp"
#include "headrace/model.hpp"
#include "headrace/result.hpp"

namespace headrace {

/// How a connection ended, as far as the server knows.
enum class Departure : std::uint8_t {
  finished,   ///< the service ended by itself, usually because the peer had
  timed_out,  ///< a deadline or the idle timeout
  reset,      ///< by the peer
  cut,        ///< the drain's time was over
  killed,     ///< with the process that served it, by a signal or a bug
  kicked,     ///< by a command: see Control
};

/// Why a peer was turned away.
enum class Refusal : std::uint8_t {
  max_connections,
  max_per_address,
  out_of_resources,  ///< no descriptor, thread or memory to serve it with
  draining,          ///< still queued when the server had stopped
  descriptor_limit,  ///< its descriptor is beyond what select(2) can watch
};

/// Counts since the server started. Exact; read at any time from any thread.
struct Statistics {
  std::uint64_t connections = 0;  ///< accepted and served
  std::uint64_t open = 0;         ///< being served now
  std::uint64_t most_at_once = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t messages = 0;  ///< receives that brought bytes
  std::uint64_t refused = 0;   ///< accepted and closed at once, by a limit or for want of resources
  std::uint64_t timed_out = 0;
  std::uint64_t reset = 0;
  std::uint64_t cut = 0;     ///< by the drain
  std::uint64_t killed = 0;  ///< with their process: of these, what was counted last may be missing
  std::uint64_t kicked = 0;  ///< by a command
  std::chrono::nanoseconds running{};
  DatagramCounts datagrams{};  ///< the bytes and messages above are the connections' alone
};

/// One connection, for as long as the call lasts.
struct ConnectionView {
  std::uint64_t id;  ///< counted from 1
  const Address& peer;
  std::uint64_t bytes_received;
  std::uint64_t bytes_sent;
  std::uint64_t messages;
  std::chrono::nanoseconds age;  ///< since it arrived, to 8 us; modulo 104 days
};

/// One datagram, for as long as the call lasts.
struct DatagramView {
  std::uint64_t number;  ///< counted from 1, over all addresses and workers
  const Address& sender;
  const Address& at;  ///< where it came to
};

/// Override what you want to hear. Called on the thread where it happens, several at once: make it
/// thread-safe, quick, and never let it throw.
class ServerEvents {
 public:
  virtual ~ServerEvents();

  /// Whether `message` is wanted at all; asked once, when the server starts.
  [[nodiscard]] virtual bool wants_messages() const noexcept { return false; }

  /// Connections are being accepted at `at`, or datagrams received. `backlog` is the kernel's
  /// effective one; 0 for datagrams.
  virtual void listening(const Address& at, const ModelInfo& model, unsigned workers,
                         int backlog) noexcept {
    (void)at, (void)model, (void)workers, (void)backlog;
  }
  virtual void arrived(const ConnectionView& connection) noexcept { (void)connection; }
  virtual void message(const ConnectionView& connection, ByteView bytes) noexcept {
    (void)connection, (void)bytes;
  }
  /// One has come, if messages are wanted.
  virtual void datagram(const DatagramView& datagram, ByteView bytes) noexcept {
    (void)datagram, (void)bytes;
  }
  virtual void departed(const ConnectionView& connection, Departure how) noexcept {
    (void)connection, (void)how;
  }
  virtual void refused(const Address& peer, Refusal why) noexcept { (void)peer, (void)why; }
  /// Accepting has stopped for want of `failure`'s resource and is tried again; at most once a
  /// second.
  virtual void accept_paused(const Failure& failure) noexcept { (void)failure; }
  /// Every `statistics_every`.
  virtual void statistics(const Statistics& now) noexcept { (void)now; }
  /// A signal or `Stopper` has begun the drain.
  virtual void draining(std::uint64_t open) noexcept { (void)open; }
  virtual void stopped(const Statistics& total) noexcept { (void)total; }
  /// The server cannot go on, or not start. `address` is the text it was given, or "".
  virtual void failed(std::string_view address, const Failure& failure) noexcept {
    (void)address, (void)failure;
  }
};

/// Tells stderr, in plain lines: where it listens, why it failed, what it did. The default of
/// `serve()`.
[[nodiscard]] ServerEvents& plain_events() noexcept;

}  // namespace headrace
