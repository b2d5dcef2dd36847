// SPDX-License-Identifier: MIT
//
// Other processes' CPU clocks, clock_getcpuclockid(3), which any user may read: nanoseconds, of all
// threads. Parents come from /proc/PID/stat, and there too the time of children that have ended.
//
// A child that ended without being waited for is not counted; neither is what the kernel does for
// the server outside its processes (softirq on another core).
#include "bench/server_cpu.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include "net/port_owner.hpp"

namespace headrace::bench {

namespace {

using std::chrono::nanoseconds;

/// The fields of /proc/PID/stat that are used here; see proc_pid_stat(5).
struct Stat {
  pid_t parent = 0;
  std::uint64_t child_ticks = 0;
};

std::optional<Stat> stat_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name, second, stands in parentheses and may hold anything, also blanks and parentheses.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields{line.substr(name_end + 1)};
  Stat stat;
  std::string skipped;
  fields >> skipped >> stat.parent;
  for (int field = 5; field < 16; ++field) fields >> skipped;
  std::uint64_t user = 0, kernel = 0;
  if (!(fields >> user >> kernel)) return std::nullopt;
  stat.child_ticks = user + kernel;
  return stat;
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

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", error}) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::ranges::find(pids, pid) != pids.end();
}

/// `owners` and their descendants; not this process, should the server have started it.
std::vector<pid_t> family_of(const std::vector<pid_t>& owners) {
  struct Kin {
    pid_t pid, parent;
  };
  std::vector<Kin> others;
  for (const pid_t pid : all_processes())
    if (const auto stat = stat_of(pid)) others.push_back({pid, stat->parent});
  std::vector<pid_t> family = owners;
  for (std::size_t index = 0; index < family.size(); ++index)
    for (const Kin& kin : others)
      if (kin.parent == family[index] && kin.pid != ::getpid() && !contains(family, kin.pid))
        family.push_back(kin.pid);
  return family;
}

std::vector<ProcessTime> times_of(const std::vector<pid_t>& pids) {
  const nanoseconds tick =
      std::chrono::nanoseconds{std::chrono::seconds{1}} / ::sysconf(_SC_CLK_TCK);
  std::vector<ProcessTime> times;
  for (const pid_t pid : pids) {
    const auto stat = stat_of(pid);
    const auto own = clock_of(pid);
    if (stat && own)
      times.push_back({pid, *own, tick * static_cast<std::int64_t>(stat->child_ticks)});
  }
  return times;
}

}  // namespace

ServerCpu::ServerCpu(const Address& address) {
  for (const auto& owner : net::find_port_owners(address).owners)
    if (owner.pid != ::getpid() && !contains(owners_, owner.pid)) owners_.push_back(owner.pid);
}

void ServerCpu::start() { before_ = times_of(family_of(owners_)); }

std::optional<nanoseconds> ServerCpu::used() const {
  const std::vector<ProcessTime> after = times_of(family_of(owners_));
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

nanoseconds own_cpu_time() noexcept {
  timespec time{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);  // cannot fail for this clock
  return to_nanoseconds(time);
}

}  // namespace headrace::bench
