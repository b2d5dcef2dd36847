// SPDX-License-Identifier: MIT
//
// A member of somebody's rooms: the connection, kept up, and what goes over it. Not here: where
// lines come from and go to (line_editor.hpp for a person, plain descriptors for a program).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/address.hpp"
#include "headrace/channel.hpp"
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

class ChatClient {
 public:
  /// A line of the server, or of our own about the connection ("-- ..."), without '\n'. On the
  /// engine's thread. False: nobody reads any more.
  using Show = std::function<bool(std::string_view)>;

  ChatClient(Engine& engine, ChatClientOptions options, Show show);

  /// Lines to be sent, without '\n'; from any thread. Closed: nothing more will come.
  [[nodiscard]] Channel<std::string>& typed() noexcept { return typed_; }

  /// Until `typed` is closed and the server has ended too, or the connection is lost for good.
  Task<> run();
  /// Why it could not go on; null if it could.
  [[nodiscard]] const std::optional<Failure>& failure() const noexcept { return failure_; }
  [[nodiscard]] bool has_been_connected() const noexcept { return connected_; }

 private:
  Task<> converse(Stream& peer);
  Task<> send_typed(Stream& peer);
  Task<bool> send_line(Stream& peer, std::string_view line);
  void note(std::string_view line);
  void show_lines(std::string_view bytes);

  Engine& engine_;
  ChatClientOptions options_;
  Show show_;
  Channel<std::string> typed_{1000};
  std::optional<Transcoder> in_, out_;
  std::string partial_;                // of a line of the server
  std::optional<std::string> unsent_;  // typed, and perhaps not there
  std::string room_;
  std::optional<Failure> failure_;
  bool connected_ = false;
  bool ended_ = false;   // nothing more will be typed
  bool unread_ = false;  // nobody reads what comes
};

}  // namespace headrace::tool
