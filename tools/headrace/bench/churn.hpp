// SPDX-License-Identifier: MIT
//
// Churn: connections that are opened, ask a few messages one after another, and are closed; a fixed
// number of them at a time. What it counts is connections a second, which is what a model pays for
// each: a process, a thread, an entry in a list.
//
// A latency is that of a connection, from connect(2) to its last answer. Not here: open loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/events.hpp"
#include "bench/pattern.hpp"
#include "bench/traffic.hpp"
#include "headrace/result.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

class Churn final : public Traffic {
 public:
  /// `slots` connections at a time to `target`. `stop` as for Load.
  [[nodiscard]] static Result<std::unique_ptr<Churn>> to(const net::SocketAddress& target,
                                                         std::size_t slots,
                                                         const LoadOptions& options,
                                                         const std::atomic<bool>& stop, Tap* tap);

  Churn(const net::SocketAddress& target, std::size_t slots, const LoadOptions& options,
        const std::atomic<bool>& stop, Tap* tap, Events events);

  void warm_up(const WarmUp& options) override;
  void run() override;
  void finish() override;

 private:
  struct Slot {
    net::Socket socket;
    std::int64_t began = 0;        // connect(2)
    std::int64_t moved = 0;        // something came, or it began
    std::int64_t not_before = 0;   // where connect has just failed
    std::uint64_t quota = 0;       // messages of this connection
    std::uint64_t answered = 0;    // of them
    std::size_t unsent = 0;        // bytes of the message under way
    std::size_t unreceived = 0;    // bytes of its answer
    std::uint32_t send_place = 0;  // in the pattern
    std::uint32_t receive_place = 0;
    std::uint32_t generation = 0;  // so that an event of an earlier connection is told apart
    bool connected = false;
    bool corrupt = false;      // the message under way
    bool ever_served = false;  // a connection in this slot, within the window
  };

  void loop(std::int64_t until);
  [[nodiscard]] bool is_over() const noexcept;
  void open_where_due();
  void open(Slot& slot);
  void turn(Slot& slot, std::uint32_t events);
  void begin_message(Slot& slot);
  void flush(Slot& slot);
  void receive(Slot& slot);
  [[nodiscard]] bool take(Slot& slot, ByteView bytes);
  void check(Slot& slot, ByteView bytes);
  void served(Slot& slot);
  void lose(Slot& slot, Problem problem);
  void close(Slot& slot);
  void lose_silent();
  [[nodiscard]] std::size_t index_of(const Slot& slot) const noexcept {
    return static_cast<std::size_t>(&slot - slots_.data());
  }
  [[nodiscard]] std::uint64_t key_of(const Slot& slot) const noexcept {
    return (std::uint64_t{slot.generation} << 32) | index_of(slot);
  }

  const net::SocketAddress target_;
  const LoadOptions options_;
  const std::atomic<bool>& stop_;
  Tap* const tap_;
  Events events_;
  Pattern pattern_;
  std::vector<Slot> slots_;
  std::vector<std::byte> buffer_;
  std::uint64_t number_ = 0;  // connections begun, in all
  std::uint64_t budget_;      // messages that may still be asked
  std::int64_t now_ = 0;
  std::int64_t end_ = kNever;
  std::int64_t last_news_ = 0;  // when the last byte came
  std::int64_t next_look_ = 0;  // for what has gone silent
  std::size_t open_ = 0;
};

}  // namespace headrace::bench
