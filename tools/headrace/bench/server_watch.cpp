// SPDX-License-Identifier: MIT
//
// Other processes' CPU clocks, clock_getcpuclockid(3), which any user may read: nanoseconds, of all
// threads. The time of children that have ended comes from /proc/PID/stat.
//
// A child that ended without being waited for is not counted; neither is what the kernel does for
// the server outside its processes (softirq on another core). Memory comes from
// /proc/PID/smaps_rollup, which only the same user and root may read.
#include "bench/server_watch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include "net/port_owner.hpp"

namespace headrace::bench {

namespace {

using std::chrono::nanoseconds;

/// Processor time of children that ended and were waited for, in ticks; see proc_pid_stat(5).
std::optional<std::uint64_t> child_ticks_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name, second, stands in parentheses and may hold anything, also blanks and parentheses.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields{line.substr(name_end + 1)};
  std::string skipped;
  for (int field = 3; field < 16; ++field) fields >> skipped;
  std::uint64_t user = 0, kernel = 0;
  if (!(fields >> user >> kernel)) return std::nullopt;
  return user + kernel;
}

nanoseconds to_nanoseconds(const timespec& time) noexcept {
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

std::optional<nanoseconds> clock_of(pid_t pid) noexcept {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0) return std::nullopt;
  if (::clock_gettime(clock, &time) != 0) return std::nullopt;  // it has just ended
  return to_nanoseconds(time);
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::ranges::find(pids, pid) != pids.end();
}

/// Processes whose parent is `pid`, by the lists that the kernel keeps for each of its threads.
void add_children_of(pid_t pid, std::vector<pid_t>& family) {
  std::error_code error;  // the process may end meanwhile
  using Threads = std::filesystem::directory_iterator;
  for (Threads thread{fmt::format("/proc/{}/task", pid), error}, end; !error && thread != end;
       thread.increment(error)) {
    std::ifstream file{thread->path() / "children"};
    for (pid_t child = 0; file >> child;)
      if (child != ::getpid() && !contains(family, child)) family.push_back(child);
  }
}

/// `owners` and their descendants; not this process, should the server have started it.
std::vector<pid_t> family_of(const std::vector<pid_t>& owners) {
  std::vector<pid_t> family = owners;
  for (std::size_t index = 0; index < family.size(); ++index)
    add_children_of(family[index], family);
  return family;
}

std::vector<ProcessTime> times_of(const std::vector<pid_t>& pids) {
  const nanoseconds tick =
      std::chrono::nanoseconds{std::chrono::seconds{1}} / ::sysconf(_SC_CLK_TCK);
  std::vector<ProcessTime> times;
  for (const pid_t pid : pids) {
    const auto child_ticks = child_ticks_of(pid);
    const auto own = clock_of(pid);
    if (child_ticks && own)
      times.push_back({pid, *own, tick * static_cast<std::int64_t>(*child_ticks)});
  }
  return times;
}

/// First the owners, whose clocks may run on while we look for their children.
std::vector<ProcessTime> family_times(const std::vector<pid_t>& owners) {
  std::vector<ProcessTime> times = times_of(owners);
  std::vector<pid_t> others = family_of(owners);
  others.erase(others.begin(), others.begin() + std::ssize(owners));
  std::ranges::copy(times_of(others), std::back_inserter(times));
  return times;
}

/// 0 when it may not be read, or the process has just ended.
std::uint64_t proportional_size_of(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/smaps_rollup", pid)};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("Pss:")) continue;
    std::istringstream number{line.substr(4)};
    std::uint64_t kib = 0;
    return number >> kib ? kib * 1024 : 0;
  }
  return 0;
}

}  // namespace

ServerWatch ServerWatch::at(const Address& address) {
  std::vector<pid_t> owners;
  for (const auto& owner : net::find_port_owners(address).owners)
    if (owner.pid != ::getpid() && !contains(owners, owner.pid)) owners.push_back(owner.pid);
  return ServerWatch{std::move(owners)};
}

void ServerWatch::start() { before_ = family_times(owners_); }

std::optional<nanoseconds> ServerWatch::used() const {
  const std::vector<ProcessTime> after = family_times(owners_);
  if (after.empty()) return std::nullopt;
  nanoseconds used{};
  for (const ProcessTime& now : after) {
    used += now.own + now.children;
    const auto then = std::ranges::find(before_, now.pid, &ProcessTime::pid);
    if (then != before_.end()) used -= then->own + then->children;
  }
  // What a child that ended since `start` had used before it counts into its parent's `children`.
  for (const ProcessTime& then : before_)
    if (std::ranges::find(after, then.pid, &ProcessTime::pid) == after.end()) used -= then.own;
  return std::max(used, nanoseconds{0});
}

std::optional<std::uint64_t> ServerWatch::memory() const {
  std::uint64_t bytes = 0;
  for (const pid_t pid : family_of(owners_)) bytes += proportional_size_of(pid);
  return bytes > 0 ? std::optional{bytes} : std::nullopt;
}

nanoseconds own_cpu_time() noexcept {
  timespec time{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);  // cannot fail for this clock
  return to_nanoseconds(time);
}

}  // namespace headrace::bench
