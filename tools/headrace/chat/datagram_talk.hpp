// SPDX-License-Identifier: MIT
//
// DatagramTalk: a talk over one datagram socket, with one other or with a room: two tasks, as the
// seed's program has two threads: one sends what is typed, one shows what comes. Not here: which
// socket it is (datagram_chat.hpp), what is made of the text (speech.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chat/speech.hpp"
#include "chat/talk.hpp"
#include "datagrams/encodings.hpp"
#include "headrace/datagram.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"

namespace headrace::tool {

struct DatagramTalkOptions {
  Address address;              ///< of the others, for messages
  Endpoint to;                  ///< the same
  bool is_connected = false;    ///< the socket sends to `to` alone, and learns that nobody is there
  bool for_person = false;      ///< who is told of trouble among the lines, and may go on
  Deadline linger;              ///< of silence, after the end of what is typed
  std::string encoding{};       ///< of what is sent; "": UTF-8
  std::string peer_encoding{};  ///< of what comes; "": UTF-8
};

class DatagramTalk final : public Talk {
 public:
  /// Borrows engine and speech.
  DatagramTalk(Engine& engine, Datagram socket, Speech& speech, DatagramTalkOptions options);

  Task<> run() override;
  void hurry() override;
  [[nodiscard]] std::size_t longest_line() const noexcept override;
  void refuse(std::size_t size) override;
  [[nodiscard]] bool is_under_way() const noexcept override { return true; }
  [[nodiscard]] int status() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Bell {};

  Task<> send_typed(TaskScope& scope);
  Task<> hear(TaskScope& scope);
  Task<> wait_for_silence();
  Task<> send(std::optional<std::string> text);
  void note_sending(const Failure& failure);
  void note_refusal();
  void tell(const std::string& sentence);
  void show_all(const std::vector<std::string>& lines);

  Engine& engine_;
  Datagram socket_;
  Speech& speech_;
  DatagramTalkOptions options_;
  Encoder encoder_;
  Decode decode_;
  Channel<Bell> hurries_{1};
  bool hurried_ = false;
  Clock::time_point last_{};  // something was sent or came
  std::uint64_t invalid_ = 0;
  std::string last_words_;
  bool is_starting_ = true;
  bool unread_ = false;   // nobody reads what comes
  bool ended_ = false;    // it makes no sense to go on
  bool refused_ = false;  // nobody listened, when we tried last
  int status_ = 0;
};

}  // namespace headrace::tool
