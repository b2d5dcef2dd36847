// SPDX-License-Identifier: MIT
//
// Exchange: datagrams both ways between the user and one peer. There is no end of stream: who has
// said everything waits for answers as long as they come, and a moment longer.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "connect/conversation.hpp"
#include "headrace/datagram.hpp"

namespace headrace::tool {

/// The user's input to the peer, a datagram a piece: a line from a terminal, without its end; else
/// what one read gives, at most 65,507 bytes, without the begun character or byte that --encoding
/// or --hex would find at its end: that is the next one's. Each datagram of the peer to the output,
/// as a text of its own.
class Exchange {
 public:
  /// `socket` is connected. `wait`: how long without a datagram ends it, once the input has ended.
  Exchange(Datagram socket, Input& input, Output& output, const WireFormat& format,
           std::chrono::nanoseconds wait);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Until it is over. Once; the exchange must outlive it.
  [[nodiscard]] Task<> hold();

  [[nodiscard]] const Ending& ending() const noexcept { return ending_; }
  [[nodiscard]] const Outgoing& outgoing() const noexcept { return outgoing_; }
  [[nodiscard]] const Incoming& incoming() const noexcept { return incoming_; }

 private:
  enum class Event : std::uint8_t { input_ended, output_ended };
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Task<> upload();
  [[nodiscard]] Task<> download();
  [[nodiscard]] Task<bool> send(std::string_view given);
  [[nodiscard]] Task<bool> show(std::string_view received);
  [[nodiscard]] Task<> wait_for_answers();
  [[nodiscard]] Parsed<std::string> content_of(std::string_view given);
  bool goes_on_after(const Failure& failure, std::optional<Failure>& where);

  Engine& engine_;
  Datagram socket_;
  Input& input_;
  Output& output_;
  Outgoing outgoing_;
  Incoming incoming_;
  std::chrono::nanoseconds wait_;
  Channel<Event> events_{2};
  Ending ending_;
  Clock::time_point heard_at_{};
};

}  // namespace headrace::tool
