// SPDX-License-Identifier: MIT
//
// The inodes in /proc/*/fd (net/process_sockets.hpp) as a table. A descriptor may be handed on to
// another process without its inode changing, so the table is not kept for longer than kOldest.
#include "tcp_state/owners.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "net/process_sockets.hpp"
#include "net/system_calls.hpp"

namespace headrace::tcp {

namespace {

constexpr std::int64_t kOldest = 10'000'000'000;  // ns
constexpr std::int64_t kNewest = 250'000'000;     // not read again sooner
constexpr std::int64_t kTimesItsCost = 50;        // nor than this: 2% of a core at most

}  // namespace

void Owners::begin(std::int32_t pid) {
  pid_ = pid;
  wanted_.clear();
  if (pid != 0)
    (void)net::for_each_socket_of(
        pid, [this](ino_t inode) { wanted_.insert(static_cast<std::uint32_t>(inode)); });
  const std::int64_t age = sys::monotonic_ns() - read_at_;
  const bool rested = read_at_ == 0 || age > std::max(kNewest, kTimesItsCost * cost_);
  if (rested && (missed_ || age > std::max(kOldest, kTimesItsCost * cost_))) read_all();
}

bool Owners::is_wanted(std::uint32_t inode) const { return pid_ == 0 || wanted_.contains(inode); }

void Owners::read_all() {
  const std::int64_t begun = sys::monotonic_ns();
  known_.clear();
  nobodys_.clear();
  net::for_each_process([this](pid_t pid) {
    TcpOwner owner{.pid = pid, .text = {}, .others = 0};
    (void)net::for_each_socket_of(pid, [&](ino_t inode) {
      if (owner.text[0] == '\0')
        (void)net::process_name(pid).copy(owner.text.data(), owner.text.size() - 1);
      auto& [first, last] =
          known_.try_emplace(static_cast<std::uint32_t>(inode), Held{owner, pid}).first->second;
      // By several descriptors, perhaps; but processes come one after another.
      if (std::exchange(last, pid) != pid) ++first.others;
    });
  });
  read_at_ = sys::monotonic_ns();
  cost_ = read_at_ - begun;
  missed_ = false;
}

TcpOwner Owners::find(std::uint32_t inode) {
  if (inode == 0) return {};
  if (const auto held = known_.find(inode); held != known_.end()) return held->second.owner;
  // Only news is worth reading /proc again: what another user holds is never found.
  if (nobodys_.insert(inode).second) missed_ = true;
  return {};
}

}  // namespace headrace::tcp
