// SPDX-License-Identifier: MIT
//
// For tests of servers that serve datagrams: which models do, and a client that is a plain socket,
// which knows nothing of headrace.
#pragma once

#include <string>
#include <string_view>

#include "behaviour.hpp"
#include "headrace/address.hpp"
#include "headrace/datagram.hpp"

namespace headrace::conformance {

[[nodiscard]] Models with_datagrams() noexcept;
[[nodiscard]] Models without_datagrams() noexcept;
/// Not `iterative`: connections are served beside.
[[nodiscard]] Models with_both() noexcept;

/// A datagram socket of the same family as the server's, connected to it or not.
class DatagramClient {
 public:
  enum class Kind { connected, loose };

  explicit DatagramClient(const Address& server, Kind kind = Kind::connected);
  DatagramClient(DatagramClient&& other) noexcept;
  DatagramClient& operator=(DatagramClient&&) = delete;
  ~DatagramClient();

  void send(std::string_view bytes) const;
  /// The next answer; throws when patience is over.
  [[nodiscard]] std::string receive() const;
  [[nodiscard]] std::string ask(std::string_view bytes) const {
    send(bytes);
    return receive();
  }
  /// How many datagrams are there by now.
  [[nodiscard]] unsigned drain() const;

 private:
  int descriptor_;
  Endpoint to_{};  // of a loose one
};

}  // namespace headrace::conformance
