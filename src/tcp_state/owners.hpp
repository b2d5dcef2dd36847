// SPDX-License-Identifier: MIT
//
// Who holds a socket, by its inode, remembered between looks: reading the links of every process
// costs far more than a look at the sockets.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "headrace/tcp_state.hpp"

namespace headrace::tcp {

class Owners {
 public:
  /// Before a look: `pid` is the one that the filter names, or 0.
  void begin(std::int32_t pid);

  /// Whether the process that the filter names holds this socket; true when it names none.
  [[nodiscard]] bool is_wanted(std::uint32_t inode) const;

  /// Whoever held it when /proc was last read. A socket that was not there yet has /proc read again
  /// at the next look, if the last reading is long enough ago for what it cost.
  [[nodiscard]] TcpOwner find(std::uint32_t inode);

 private:
  struct Held {
    TcpOwner owner;
    std::int32_t last;  // process that was found to hold it
  };
  void read_all();

  std::unordered_map<std::uint32_t, Held> known_;
  std::unordered_set<std::uint32_t> nobodys_;  // not found when /proc was last read
  std::unordered_set<std::uint32_t> wanted_;
  std::int32_t pid_ = 0;
  std::int64_t read_at_ = 0;  // 0: never
  std::int64_t cost_ = 0;
  bool missed_ = true;  // a look had a socket that we do not know
};

}  // namespace headrace::tcp
