// SPDX-License-Identifier: MIT
//
// A client as any peer could be: a plain socket, nothing of the library's. Everything that waits
// has a deadline; what goes wrong throws, so that a test is the story of its behaviour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "headrace/address.hpp"

namespace headrace::conformance {

constexpr std::size_t operator""_KiB(unsigned long long count) {
  return static_cast<std::size_t>(count) * 1024;
}
constexpr std::size_t operator""_MiB(unsigned long long count) {
  return static_cast<std::size_t>(count) << 20;
}

/// Bytes that look random, NULs among them; the same ones for the same seed.
[[nodiscard]] std::string bytes_of_size(std::size_t size, std::uint64_t seed = 1);

/// Compares, and shows where they part instead of all of both.
[[nodiscard]] ::testing::AssertionResult same(std::string_view got, std::string_view wanted);

/// Whether somebody listens there: false is "connection refused", anything else throws.
[[nodiscard]] bool is_listening(const Address& at);

class Client {
 public:
  struct Options {
    int kernel_buffers = 0;      // SO_SNDBUF and SO_RCVBUF in bytes; 0: the system's default
    std::string_view from = "";  // the local IPv4 address
  };

  explicit Client(const Address& to) : Client{to, Options{}} {}
  Client(const Address& to, Options options);
  Client(Client&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}
  Client& operator=(Client&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Client();

  /// All of them, waiting where it must.
  void send(std::string_view bytes);
  /// As many as go without waiting.
  std::size_t send_some(std::string_view bytes);
  /// As many as go until nothing has moved for a while: the other side does not read any more.
  std::size_t send_until_stuck(std::string_view bytes);
  void send_urgent(char byte);
  void shutdown_send();

  /// Exactly so many.
  std::string receive(std::size_t size);
  /// From 1 byte to 64 KiB; empty at the peer's FIN.
  std::string receive_some();
  /// Everything up to the peer's FIN. A reset throws.
  std::string receive_until_end();
  /// Whether the peer's end came, by FIN or RST. What comes before is thrown away.
  void receive_to_any_end();
  /// Nothing comes, not even an end, for so long.
  [[nodiscard]] bool hears_nothing_for(int milliseconds);

  /// Sends and receives at the same time, until as much has come back.
  std::string echo(std::string_view bytes);

  /// Until the peer's kernel has everything sent (and the FIN, after `shutdown_send`).
  void wait_until_delivered();

  /// close(2): a RST if there is something unread, else FIN.
  void close();
  /// RST.
  void reset();

  [[nodiscard]] int descriptor() const noexcept { return socket_; }

 private:
  /// Which of the events came; throws when none does in time.
  short wait_for(short events) const;

  int socket_;
};

}  // namespace headrace::conformance
