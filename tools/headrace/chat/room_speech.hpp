// SPDX-License-Identifier: MIT
//
// RoomSpeech: a member of a room without a server: its nick and commands, who else is there, which
// lines came before. Nobody is believed: a nick that somebody else was heard with first is shown
// with the address of who uses it now.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "chat/room_line.hpp"
#include "chat/speech.hpp"

namespace headrace::tool {

/// Which numbers of one sender have come.
class HeardNumbers {
 public:
  /// How many before it did not come; nothing where it came already, or is 64 behind the highest.
  [[nodiscard]] std::optional<std::uint64_t> note(std::uint64_t number) noexcept;

 private:
  std::uint64_t highest_ = 0;
  std::uint64_t seen_ = 0;  // a bit for each of the 64 up to the highest
};

class RoomSpeech final : public Speech {
 public:
  /// Members that are known at a time; then who was silent longest is forgotten.
  static constexpr std::size_t kMostMembers = 1000;

  /// `id` is random; `nick` is one.
  RoomSpeech(std::uint32_t id, std::string nick);

  [[nodiscard]] std::optional<std::string> hello() override;
  [[nodiscard]] std::optional<std::string> good_bye() override;
  [[nodiscard]] Saying say(std::string_view line) override;
  [[nodiscard]] std::vector<std::string> hear(std::string_view datagram,
                                              const Address& sender) override;

 private:
  struct Member {
    std::string nick;
    std::string host;
    HeardNumbers numbers{};
    std::uint64_t heard_at = 0;
    bool has_left = false;
  };
  using Members = std::map<std::string, Member>;  // by sender and address

  [[nodiscard]] std::string line(RoomLine::Kind kind, std::string_view text);
  [[nodiscard]] Saying command(std::string_view word, std::string_view rest);
  [[nodiscard]] Saying change_nick(std::string_view nick);
  [[nodiscard]] std::string who() const;
  [[nodiscard]] Members::iterator find(const RoomLine& line, const Address& sender);
  void forget_oldest();
  void call(Members::iterator member, std::string_view nick);
  void give_up_nick(const Members::value_type& member);
  [[nodiscard]] std::string shown_nick(const Members::value_type& member) const;

  std::uint32_t id_;
  std::string nick_;
  std::uint64_t number_ = 0;
  std::uint64_t clock_ = 0;  // counts what is heard
  Members members_;
  std::map<std::string, std::string> owners_;  // of nicks, by key: a key of `members_`, "": we
};

}  // namespace headrace::tool
