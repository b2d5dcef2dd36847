// SPDX-License-Identifier: MIT
#include "processes.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

namespace headrace::conformance::proc {

namespace {

using Path = std::filesystem::path;

Path directory_of(pid_t process) { return Path{"/proc"} / std::to_string(process); }

/// Their names; none when it is gone.
std::vector<std::string> entries_in(const Path& directory) {
  std::vector<std::string> names;
  std::error_code gone;
  for (std::filesystem::directory_iterator entry{directory, gone}, end; !gone && entry != end;
       entry.increment(gone))
    names.push_back(entry->path().filename());
  return names;
}

/// The number behind `key` in a file of lines "key: number", or 0.
std::size_t number_in(const Path& file, std::string_view key) {
  std::ifstream lines{file};
  for (std::string word; lines >> word;) {
    if (word != key) continue;
    std::size_t number = 0;
    lines >> number;
    return number;
  }
  return 0;
}

/// The fields of a file /proc/.../stat behind the name, which may hold blanks: the first is the
/// state.
std::vector<std::string> fields_in(const Path& stat) {
  std::ifstream file{stat};
  std::string line;
  std::getline(file, line);
  const std::size_t name_ends = line.rfind(')');
  if (name_ends == std::string::npos) return {};
  std::istringstream rest{line.substr(name_ends + 1)};
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

std::vector<std::string> fields_of(pid_t process) {
  return fields_in(directory_of(process) / "stat");
}

}  // namespace

std::vector<pid_t> processes_of(pid_t group) {
  std::vector<pid_t> found;
  for (const std::string& name : entries_in("/proc")) {
    pid_t process = 0;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data(), end, process).ptr != end) continue;
    if (::getpgid(process) == group) found.push_back(process);
  }
  return found;
}

std::size_t entries_of(pid_t group, std::string_view directory) {
  std::size_t count = 0;
  for (const pid_t process : processes_of(group))
    count += entries_in(directory_of(process) / directory).size();
  return count;
}

std::size_t private_memory_of(pid_t group) {
  // The server shares pages with the test it was forked from, which may give them up at any time:
  // its own are counted whole. Of its children's those that it does not have itself.
  std::size_t kibibytes = 0;
  for (const pid_t process : processes_of(group))
    kibibytes += number_in(directory_of(process) / "smaps_rollup",
                           process == group ? "Anonymous:" : "Private_Dirty:");
  return kibibytes * 1024;
}

std::size_t sleeps_of(pid_t group) {
  std::size_t count = 0;
  for (const pid_t process : processes_of(group)) {
    const Path threads = directory_of(process) / "task";
    for (const std::string& thread : entries_in(threads))
      count += number_in(threads / thread / "status", "voluntary_ctxt_switches:");
  }
  return count;
}

std::chrono::milliseconds processor_time_of(pid_t group) {
  constexpr std::size_t kUser = 11;  // utime, then stime, counted from the state (proc(5))
  long ticks = 0;
  for (const pid_t process : processes_of(group)) {
    const auto fields = fields_of(process);
    if (fields.size() > kUser + 1) ticks += std::stol(fields[kUser]) + std::stol(fields[kUser + 1]);
  }
  return std::chrono::milliseconds{ticks * 1000 / ::sysconf(_SC_CLK_TCK)};
}

bool all_sleep(pid_t group) {
  for (const pid_t process : processes_of(group)) {
    const Path threads = directory_of(process) / "task";
    for (const std::string& thread : entries_in(threads)) {
      const auto fields = fields_in(threads / thread / "stat");
      if (!fields.empty() && fields[0] != "S" && fields[0] != "Z") return false;
    }
  }
  return true;
}

bool is_gone(pid_t process) {
  const auto fields = fields_of(process);
  return fields.empty() || fields[0] == "Z" || fields[0] == "X";
}

bool all_are_stopped(pid_t group) {
  return std::ranges::all_of(processes_of(group), [](pid_t process) {
    const auto fields = fields_of(process);
    return is_gone(process) || (!fields.empty() && fields[0] == "T");
  });
}

}  // namespace headrace::conformance::proc
