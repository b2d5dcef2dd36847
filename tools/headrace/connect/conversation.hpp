// SPDX-License-Identifier: MIT
//
// Conversation: bytes both ways between the user and a connected stream, and when that is over.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "connect/standard_io.hpp"
#include "connect/translation.hpp"
#include "headrace/channel.hpp"
#include "headrace/stream.hpp"

namespace headrace::tool {

/// How a conversation ended; what is not set went well.
struct Ending {
  std::optional<Failure> receive;  ///< of the peer's bytes: reset
  std::optional<Failure> send;     ///< of the user's: the peer takes no more
  std::optional<Failure> input;    ///< reading the user's
  std::optional<Failure> output;   ///< writing the peer's
  std::string bad_input;           ///< what the user gave cannot be sent
  bool silence = false;            ///< --linger ran out before the peer's end
  bool unsent = false;             ///< the peer ended, and took no more within --linger
};

/// Notes why something failed, unless we have cancelled it ourselves.
void note(std::optional<Failure>& where, const Failure& failure);

/// Who reads what the peer says.
[[nodiscard]] Incoming::Reader reader_of(const Input& input, const Output& output) noexcept;

/// The user's input to the peer, and the peer's bytes to the user's output, side by side.
///
/// The end of the input is sent on as FIN, and the peer is listened to until its own, or until it
/// has been silent for `linger`. The peer's end ends it at once, unless input is on its way: that
/// is sent first.
class Conversation {
 public:
  Conversation(Stream stream, Input& input, Output& output, const WireFormat& format,
               Deadline linger);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  /// Until it is over. Once; the conversation must outlive it.
  [[nodiscard]] Task<> hold();

  [[nodiscard]] const Ending& ending() const noexcept { return ending_; }
  [[nodiscard]] const Outgoing& outgoing() const noexcept { return outgoing_; }
  [[nodiscard]] const Incoming& incoming() const noexcept { return incoming_; }

 private:
  enum class Event : std::uint8_t { input_ended, peer_ended };
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Task<> upload();
  [[nodiscard]] Task<> download();
  [[nodiscard]] Task<bool> send_one_piece(std::span<char> space);
  [[nodiscard]] Task<bool> send(Parsed<std::string_view> bytes);
  [[nodiscard]] Task<> wait_for_peer();
  [[nodiscard]] Task<> wait_for_input();
  [[nodiscard]] bool flows() const noexcept;

  Engine& engine_;
  Stream stream_;
  Input& input_;
  Output& output_;
  Outgoing outgoing_;
  Incoming incoming_;
  Deadline linger_;
  Channel<Event> events_{2};  // there is room for each of them
  Ending ending_;
  Clock::time_point heard_at_{};  // when a byte last came, or went to a reader who took his time
  Clock::time_point said_at_{};   // when a piece was last given to the peer, or taken
  bool writing_ = false;
  bool sending_ = false;
  bool stopped_ = false;  // the input was not read to its end
};

}  // namespace headrace::tool
