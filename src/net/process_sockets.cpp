// SPDX-License-Identifier: MIT
//
// /proc read with readdir(3) and readlinkat(2). Not here: from an address to its inodes
// (port_owner.cpp, src/tcp_state).
#include "net/process_sockets.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>

#include <dirent.h>
#include <unistd.h>

#include "text/number.hpp"

namespace headrace::net {

namespace {

// False: not allowed, or gone.
template <class Visit>
bool for_each_entry(const char* path, Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path), ::closedir};
  if (directory == nullptr) return false;
  while (const dirent* const entry = ::readdir(directory.get()))
    visit(::dirfd(directory.get()), static_cast<const char*>(entry->d_name));
  return true;
}

// The inode of the socket behind a link in /proc/PID/fd.
std::optional<ino_t> socket_behind(int directory, const char* name) noexcept {
  std::array<char, 64> target;
  const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
  if (size < 0) return std::nullopt;
  const std::string_view text{target.data(), static_cast<std::size_t>(size)};
  if (!text.starts_with("socket:[") || !text.ends_with(']')) return std::nullopt;
  return text::number<ino_t>(text.substr(8, text.size() - 9));
}

std::string path_of(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + file; }

}  // namespace

void visit_processes(void (*visit)(void* self, pid_t pid), void* self) {
  (void)for_each_entry("/proc", [&](int, const char* name) {
    if (const auto pid = text::number<pid_t>(name)) visit(self, *pid);
  });
}

bool visit_sockets(pid_t pid, void (*visit)(void* self, ino_t inode), void* self) {
  return for_each_entry(path_of(pid, "/fd").c_str(), [&](int directory, const char* descriptor) {
    if (const auto socket = socket_behind(directory, descriptor)) visit(self, *socket);
  });
}

std::string process_name(pid_t pid) {
  std::ifstream file{path_of(pid, "/comm")};
  std::string name;
  std::getline(file, name);
  std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
  return name;
}

}  // namespace headrace::net
