// SPDX-License-Identifier: MIT
//
// The chat service: rooms whose members send each other lines of text, from nc or `headrace chat`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "headrace/address.hpp"
#include "headrace/result.hpp"
#include "headrace/service.hpp"

namespace headrace::services {

/// What becomes of a member that does not read as fast as others talk.
enum class WhenSlow : std::uint8_t {
  drop_oldest,  ///< it misses the oldest lines, and is told how many
  disconnect,   ///< its connection is closed
};

/// Members who come in at one address of the server speak another encoding than UTF-8.
struct ChatEncoding {
  Address at;                 ///< of TCP only the port counts; it is not 0
  std::string_view encoding;  ///< as `iconv -l` lists it
};

struct ChatOptions {
  /// Lines of a room that somebody gets who joins it.
  unsigned history = 50;
  WhenSlow when_slow = WhenSlow::drop_oldest;
  /// Bytes; a longer line is refused, not split.
  std::size_t max_line = std::size_t{64} * 1024;
  /// Lines a second of one member, ten times as many in a burst; 0: as many as it likes. A faster
  /// one is not read from meanwhile.
  unsigned rate_limit = 0;
  /// Bytes of lines that a room keeps, for history and for members who are behind.
  std::size_t outbox = std::size_t{256} * 1024;
  /// A file that keeps what was said, for the next server; "": none.
  std::string_view history_file{};
  /// Borrowed until the rooms are closed.
  std::span<const ChatEncoding> encodings{};
};

/// Since the rooms were opened.
struct ChatCounts {
  std::uint64_t members = 0;       ///< who gave a nick
  std::uint64_t lines = 0;         ///< said, in rooms and to one
  std::uint64_t delivered = 0;     ///< to each member
  std::uint64_t skipped = 0;       ///< not delivered: the member was too slow
  std::uint64_t disconnected = 0;  ///< because they were too slow
  std::uint64_t too_long = 0;      ///< lines refused
  std::uint64_t invalid = 0;       ///< bytes that were no text, shown as U+FFFD
};

/// What was found in a history file.
struct KeptHistory {
  std::uint64_t lines = 0;
  std::uint64_t damaged = 0;     ///< records whose checksum is wrong: left out
  std::uint64_t torn_bytes = 0;  ///< of a record at the end that was not finished: cut off
};

/// The rooms that the members of one server, or of several in this process, share. Thread-safe.
class ChatRooms {
 public:
  /// Fails when an encoding is unknown (`not_supported`, "iconv_open"), when the history file
  /// cannot be opened, is in use by another server (`address_in_use`), or is no such file
  /// (`not_supported`).
  [[nodiscard]] static Result<ChatRooms> open(const ChatOptions& options);

  ChatRooms(ChatRooms&& other) noexcept;
  ChatRooms& operator=(ChatRooms&& other) noexcept;
  ~ChatRooms();

  [[nodiscard]] ChatCounts counts() const noexcept;
  [[nodiscard]] KeptHistory kept() const noexcept;
  /// Why a line could not be kept in the history file, if one could not.
  [[nodiscard]] Result<> keeping() const noexcept;

  struct State;
  [[nodiscard]] State& state() const noexcept { return *state_; }

 private:
  explicit ChatRooms(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// A member of the rooms, until it leaves. It says its nick first, is then in the room `lobby`, and
/// types `/help` for more. Control characters that a member sends reach nobody as they are.
///
/// Made for `Service{chat, rooms}.needing(Needs::company)`; `rooms` must outlive the server.
Task<> chat(ChatRooms& rooms, Stream peer);

}  // namespace headrace::services
