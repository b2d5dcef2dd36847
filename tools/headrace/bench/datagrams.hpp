// SPDX-License-Identifier: MIT
//
// Datagrams: load on a UDP echo server, where an answer may never come. Every datagram carries its
// number, so that a lost, late or repeated answer is told apart; what is not answered within the
// timeout is lost, and makes room for the next.
//
// One connected socket a "connection". Not here: fragments, batches of system calls.
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

class Datagrams final : public Traffic {
 public:
  /// Bytes at the front of a datagram that hold its number.
  static constexpr std::size_t kHeader = 8;
  /// What fits into one over IPv4.
  static constexpr std::size_t kLargest = 65'507;

  /// `sockets` are connected and do not block. `stop` as for Load.
  [[nodiscard]] static Result<std::unique_ptr<Datagrams>> on(std::vector<net::Socket> sockets,
                                                             const LoadOptions& options,
                                                             const std::atomic<bool>& stop,
                                                             Tap* tap);

  Datagrams(std::vector<net::Socket> sockets, const LoadOptions& options,
            const std::atomic<bool>& stop, Tap* tap, Events events);

  void warm_up(const WarmUp& options) override;
  void run() override;
  void finish() override;

 private:
  /// A place for one datagram under way. The number it sends counts up, so that an answer to an
  /// earlier one is known; `answered` tells whether that came too late or for the second time.
  struct Slot {
    enum class State : std::uint8_t { free, waiting, answered, lost };
    std::uint32_t number = 0;
    State state = State::free;
    std::uint32_t answered = 0;  // bit n: the one numbered `number - 1 - n` was
    std::int64_t begun = 0;      // when it was sent, or due
    std::int64_t sent = 0;
  };
  struct Peer {
    net::Socket socket;
    std::uint32_t waiting = 0;  // slots
    std::uint64_t due = 0;      // messages that the schedule gave it
    std::uint64_t begun = 0;    // of them
    std::size_t next_slot = 0;
    bool answered = false;
  };

  [[nodiscard]] bool is_open_loop() const noexcept { return options_.rate.has_value(); }
  [[nodiscard]] Slot* slots_of(std::size_t peer) noexcept {
    return &slots_[peer * options_.in_flight];
  }
  void begin_window();
  void loop(std::int64_t until);
  [[nodiscard]] bool is_over() const noexcept;
  void hand_out();
  void fill(std::size_t peer);
  [[nodiscard]] bool send_one(std::size_t peer, std::size_t slot);
  void receive(std::size_t peer);
  void take(std::size_t peer, ByteView datagram);
  void take_again(Slot& slot, std::uint32_t number);
  [[nodiscard]] bool is_as_sent(std::size_t peer, std::uint32_t number, ByteView datagram) const;
  void lose_overdue(std::int64_t sent_before);
  [[nodiscard]] std::uint32_t place_of(std::size_t peer, std::uint32_t number) const noexcept;

  const LoadOptions options_;
  const std::atomic<bool>& stop_;
  Tap* const tap_;
  Events events_;
  Pattern pattern_;
  std::vector<Peer> peers_;
  std::vector<Slot> slots_;  // `in_flight` a peer
  std::vector<std::byte> buffer_, outgoing_;
  Schedule schedule_;
  std::uint64_t next_ = 0;  // the number of the message that comes due next
  std::int64_t now_ = 0;
  std::int64_t end_ = kNever;
  std::int64_t next_look_ = 0;  // for what is overdue
  std::uint64_t budget_ = 0;
  std::uint64_t outstanding_ = 0;
  std::uint64_t late_ = 0;  // of an open loop: answered in the moment behind the window
  std::size_t busy_;
  bool finishing_ = false;
};

}  // namespace headrace::bench
