// SPDX-License-Identifier: MIT
//
// Load: messages on streams that stay open, against an echo server.
//
// In a closed loop every connection keeps a fixed number of messages under way: an answer makes
// room for the next message, so a slow server is asked less. In an open loop (`rate`) a message is
// sent when it is due, and its latency counts from then, however late it went out.
//
// One thread, one epoll instance, at most one recv and one send for a message that fits the
// kernel's buffers. Not here: opening the connections (connections.hpp), what the server costs
// (server_watch.hpp), writing it down (report.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/events.hpp"
#include "bench/pattern.hpp"
#include "bench/traffic.hpp"
#include "headrace/result.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

class Load final : public Traffic {
 public:
  /// `sockets` are connected and do not block. `stop` may become true in a signal handler; the run
  /// then ends early. Fails when the kernel has no room for an epoll instance or its entries.
  [[nodiscard]] static Result<std::unique_ptr<Load>> on(std::vector<net::Socket> sockets,
                                                        const LoadOptions& options,
                                                        const std::atomic<bool>& stop, Tap* tap);

  Load(std::vector<net::Socket> sockets, const LoadOptions& options, const std::atomic<bool>& stop,
       Tap* tap, Events events);

  void warm_up(const WarmUp& options) override;
  void run() override;
  void finish() override;

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
    bool answered = false;            // at least once within the window
    bool served = false;              // at least once, also in the warm-up
    bool corrupt = false;             // the oldest message
    bool half_closed = false;         // we have sent FIN
    bool watches_room = false;        // EPOLLOUT is armed
  };
  /// Of an open loop: how many of a connection's messages have come due, and how many of them it
  /// has begun.
  struct Debt {
    std::uint64_t due = 0, begun = 0;
  };

  [[nodiscard]] Result<void> watch_all();
  [[nodiscard]] bool is_open_loop() const noexcept { return options_.rate.has_value(); }
  [[nodiscard]] bool is_idle(const Connection& connection) const noexcept {
    return index_of(connection) >= busy_;
  }

  void settle(std::int64_t quiet);
  void begin_window();
  void end_window(std::int64_t start);
  void loop(std::int64_t until);
  [[nodiscard]] bool is_over() const noexcept;
  [[nodiscard]] bool is_silent() const noexcept;
  [[nodiscard]] bool makes_way() const noexcept;
  void give_up();
  void leave_waiting();
  void count_what_is_due(std::int64_t over);
  void wait(std::int64_t until);
  void hand_out();
  void turn(Connection& connection, std::uint32_t events);
  [[nodiscard]] bool receive(Connection& connection, std::uint32_t events);
  [[nodiscard]] bool take(Connection& connection, ByteView bytes);
  void check(Connection& connection, ByteView bytes);
  void answered(Connection& connection);
  void begin_messages(Connection& connection);
  [[nodiscard]] bool may_begin(const Connection& connection) const noexcept;
  [[nodiscard]] std::int64_t begin_time(const Connection& connection) noexcept;
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
  Tap* const tap_;
  Events events_;
  Pattern pattern_;
  std::vector<Connection> connections_;
  std::vector<std::int64_t> begun_;  // `in_flight` slots a connection, used in a circle
  std::vector<Debt> debts_;          // of an open loop
  std::vector<std::byte> buffer_;
  Schedule schedule_;
  std::uint64_t next_ = 0;  // the number of the message that comes due next

  std::int64_t now_ = 0;           // the clock, as last read
  std::int64_t end_ = kNever;      // of the window, or the warm-up
  std::int64_t last_news_ = 0;     // when the kernel last told us anything
  std::uint64_t budget_ = 0;       // messages that may still be begun
  std::uint64_t outstanding_ = 0;  // messages begun and not answered, on connections not lost
  std::size_t busy_;               // connections that send: the first so many
  std::size_t open_;               // connections
  std::size_t busy_open_;          // of them, those that send
  std::size_t unheard_ = 0;        // of those, the ones that have asked and were never answered
  bool finishing_ = false;
};

}  // namespace headrace::bench
