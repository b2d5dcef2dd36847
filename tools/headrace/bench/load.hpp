// SPDX-License-Identifier: MIT
//
// Load: closed-loop traffic against an echo server. Every connection keeps a fixed number of
// messages under way: an answer makes room for the next message, so a slow server is asked less.
//
// One thread, one epoll instance, at most one recv and one send for a message that fits the
// kernel's buffers. Not here: opening the connections (connections.hpp), what the server costs
// (server_cpu.hpp), writing it down (report.hpp).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "bench/histogram.hpp"
#include "bench/pattern.hpp"
#include "bench/problems.hpp"
#include "headrace/result.hpp"
#include "net/socket.hpp"

struct epoll_event;

namespace headrace::bench {

/// What traffic; every field but the two ends of the run is at least 1.
struct LoadOptions {
  std::size_t size = 64;                             ///< bytes in a message
  std::size_t in_flight = 1;                         ///< messages under way on each connection
  std::optional<std::chrono::nanoseconds> duration;  ///< the run ends after so long
  std::optional<std::uint64_t> messages;             ///< or when so many are answered
  std::chrono::nanoseconds timeout = std::chrono::seconds{3};  ///< for answers that do not come
  bool verify = false;                                         ///< look at every byte
};

/// The first wrong byte that was noticed.
struct Corruption {
  std::size_t connection;
  std::uint64_t position;  ///< counted from the start of its stream
  std::byte sent, received;
};

struct LoadResult {
  Histogram latency;                   ///< nanoseconds, of the messages below
  std::uint64_t messages = 0;          ///< answered in full within the window
  std::size_t connections = 0;         ///< that took part
  std::size_t never_answered = 0;      ///< connections without an answer within the window
  std::chrono::nanoseconds elapsed{};  ///< length of the window
  Problems problems;
  std::optional<Corruption> first_corruption;
};

/// A load on connections that are open already.
class Load {
 public:
  /// `sockets` are connected and do not block. `stop` may become true in a signal handler; the run
  /// then ends early. Fails when the kernel has no room for an epoll instance or its entries.
  [[nodiscard]] static Result<Load> on(std::vector<net::Socket> sockets, const LoadOptions& options,
                                       const std::atomic<bool>& stop);

  /// The window that is measured: from the first message sent to the end that the options name.
  /// Ends early when no connection is left, or without `duration` when for `timeout` nothing came:
  /// what is unanswered then is missing, and the window ends with the last that came.
  void run();

  /// After the window: waits for the answers still under way, without counting them, then says
  /// FIN, waits a little for the server's, and closes. What did not come is counted as missing.
  void finish();

  [[nodiscard]] const LoadResult& result() const noexcept { return result_; }

 private:
  struct Connection {
    net::Socket socket;
    std::uint64_t unsent = 0;         // bytes of messages begun that the kernel has not taken yet
    std::uint64_t unechoed = 0;       // bytes sent that have not come back
    std::uint64_t unanswered = 0;     // bytes until the oldest message is answered in full
    std::uint64_t received = 0;       // bytes in all
    std::uint32_t send_place = 0;     // in the pattern
    std::uint32_t receive_place = 0;  // in the pattern
    std::uint32_t in_flight = 0;      // messages begun and not answered
    std::uint32_t oldest = 0;         // its slot among the times at which messages were begun
    bool answered = false;            // at least once
    bool corrupt = false;             // the oldest message
    bool half_closed = false;         // we have sent FIN
    bool watches_room = false;        // EPOLLOUT is armed
  };

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  Load(std::vector<net::Socket> sockets, const LoadOptions& options, const std::atomic<bool>& stop,
       net::Socket interest_list);
  [[nodiscard]] Result<void> watch_all();

  [[nodiscard]] bool is_over() const noexcept;
  [[nodiscard]] bool is_silent() const noexcept;
  [[nodiscard]] bool makes_way() const noexcept;
  void give_up();
  void wait(std::int64_t until);
  void turn(Connection& connection, std::uint32_t events);
  [[nodiscard]] bool receive(Connection& connection, std::uint32_t events);
  [[nodiscard]] bool take(Connection& connection, ByteView bytes);
  void check(Connection& connection, ByteView bytes);
  void answered(Connection& connection);
  void begin_messages(Connection& connection);
  void flush(Connection& connection);
  void watch_room(Connection& connection);
  void half_close(Connection& connection);
  void ended(Connection& connection, int error);
  void lose(Connection& connection, Problem problem);
  void close(Connection& connection);
  [[nodiscard]] std::size_t index_of(const Connection& connection) const noexcept {
    return static_cast<std::size_t>(&connection - connections_.data());
  }

  const LoadOptions options_;
  const std::atomic<bool>& stop_;
  net::Socket interest_list_;
  Pattern pattern_;
  std::vector<Connection> connections_;
  std::vector<std::int64_t> begun_;  // `in_flight` slots a connection, used in a circle
  std::vector<std::byte> buffer_;
  std::vector<epoll_event> events_;

  std::int64_t now_ = 0;           // the clock, as last read
  std::int64_t end_ = kNever;      // of the window
  std::int64_t last_news_ = 0;     // when the kernel last told us anything
  std::uint64_t budget_;           // messages that may still be begun
  std::uint64_t outstanding_ = 0;  // messages begun and not answered, on connections not lost
  std::size_t open_;               // connections
  std::size_t unheard_ = 0;        // of them, those that have asked and were never answered
  bool finishing_ = false;
  LoadResult result_;
};

}  // namespace headrace::bench
