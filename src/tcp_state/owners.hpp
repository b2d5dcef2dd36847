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
  /// at the next look, if reading it has not cost too much of late.
  [[nodiscard]] TcpOwner find(std::uint32_t inode);

 private:
  static constexpr std::int64_t kMostCredit = 100'000'000;  // ns of reading at once
  struct Held {
    TcpOwner owner;
    std::int32_t last;  // process that was found to hold it
  };
  void read_all();

  std::unordered_map<std::uint32_t, Held> known_;
  std::unordered_set<std::uint32_t> nobodys_;  // not found when /proc was last read
  std::unordered_set<std::uint32_t> wanted_;
  std::int32_t pid_ = 0;
  std::int64_t read_at_ = 0;
  std::int64_t begun_at_ = 0;          // the last look; 0: there was none
  std::int64_t credit_ = kMostCredit;  // ns that reading may take; below 0 when it took longer
  bool missed_ = true;                 // a look had a socket that we do not know
};

}  // namespace headrace::tcp
