// SPDX-License-Identifier: MIT
//
// ServerProcess: a server that a comparison has started, and that ends with it, however that ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "headrace/address.hpp"
#include "net/socket.hpp"

namespace headrace::bench {

/// How a server is started.
struct Launch {
  std::vector<std::string> words;  ///< the program, as a path, and its arguments
  /// Where it will listen on 127.0.0.1; absent: it says "listening on ADDR".
  std::optional<std::uint16_t> port;
  std::optional<std::vector<int>> cores;  ///< that it may use
};

class ServerProcess {
 public:
  /// Returns once it listens; a sentence when it does not within 20 s, or ends before.
  [[nodiscard]] static std::expected<ServerProcess, std::string> start(
      const Launch& launch, const std::atomic<bool>& stop);

  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&&) = delete;
  ~ServerProcess() { end(); }

  [[nodiscard]] const Address& address() const noexcept { return address_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Whether it is still there.
  [[nodiscard]] bool is_running() noexcept;
  /// The last line that it has printed, fit for a terminal.
  [[nodiscard]] std::string last_words() const;

  /// SIGTERM, a second of patience, then SIGKILL: to it and to all that it has started.
  void end() noexcept;

 private:
  ServerProcess(pid_t pid, net::Socket output) noexcept;
  enum class Part : std::uint8_t { begin, end };
  [[nodiscard]] std::string printed(Part part) const;
  [[nodiscard]] bool listens(const Launch& launch);

  pid_t pid_;
  net::Socket output_;  // a file in memory: it never fills up while nobody reads
  Address address_ = Address::ip(Transport::tcp, "127.0.0.1", 0);
};

/// A TCP port of 127.0.0.1 that is free at the moment; 0 when there is none.
[[nodiscard]] std::uint16_t free_port() noexcept;

}  // namespace headrace::bench
