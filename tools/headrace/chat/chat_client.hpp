// SPDX-License-Identifier: MIT
//
// A member of somebody's rooms: the connection, kept up, and what goes over it. Not here: where
// lines come from and go to (line_editor.hpp for a person, plain descriptors for a program).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "chat/talk.hpp"
#include "headrace/address.hpp"
#include "headrace/engine.hpp"
#include "headrace/stream.hpp"
#include "headrace/transcoder.hpp"

namespace headrace::tool {

struct ChatClientOptions {
  Address address;
  std::string nick;                    ///< "": the first line that is sent
  std::string encoding;                ///< "": UTF-8
  bool reconnects = false;             ///< once it has been connected
  std::chrono::nanoseconds timeout{};  ///< to connect
};

/// Shows the lines of the server, and its own about the connection ("-- ...").
class ChatClient final : public Talk {
 public:
  ChatClient(Engine& engine, ChatClientOptions options);

  /// Until `typed` is closed and the server has ended too, or the connection is lost for good.
  Task<> run() override;
  [[nodiscard]] std::size_t longest_line() const noexcept override;
  void refuse(std::size_t size) override;
  [[nodiscard]] bool is_under_way() const noexcept override { return connected_; }
  [[nodiscard]] int status() override;

 private:
  Task<> converse(Stream& peer);
  Task<> send_typed(Stream& peer);
  Task<bool> send_line(Stream& peer, std::string_view line);
  Task<bool> introduce(Stream& peer);
  void learn(std::string_view line);
  void show_lines(std::string_view bytes);

  Engine& engine_;
  ChatClientOptions options_;
  std::optional<Transcoder> in_, out_;
  std::string partial_;                // of a line of the server
  std::optional<std::string> unsent_;  // typed, and perhaps not there
  std::string room_;
  std::string refusal_;        // of the nick, in the words of the server
  Channel<bool> answers_{16};  // of the server: it has taken the nick, or not
  std::optional<Failure> failure_;
  bool connected_ = false;
  bool heard_ = false;         // the server has said something
  bool ended_ = false;         // nothing more will be typed
  bool unread_ = false;        // nobody reads what comes
  bool refused_ = false;       // a line was not sent
  bool nick_refused_ = false;  // and nobody is there to choose another
};

}  // namespace headrace::tool
