// SPDX-License-Identifier: MIT
//
// A pipe or terminal is opened a second time through /proc/self/fd. A regular file is not: the new
// open file would have an offset of its own.
#include "unblocked.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

namespace headrace::tool {

Unblocked unblocked(int descriptor, int access) {
  struct stat file{};
  if (::fstat(descriptor, &file) != 0) return {descriptor, Way::polled};
  if (S_ISSOCK(file.st_mode)) return {descriptor, Way::socket};
  if (!S_ISFIFO(file.st_mode) && !S_ISCHR(file.st_mode)) return {descriptor, Way::polled};
  const std::string path = fmt::format("/proc/self/fd/{}", descriptor);
  const int again = ::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (again < 0) return {descriptor, Way::polled};  // another user's, or /proc is not there
  return {again, Way::reopened};
}

}  // namespace headrace::tool
