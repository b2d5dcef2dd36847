// SPDX-License-Identifier: MIT
//
// Printing with write(2) to the end: a full disk must not look like success.
#include "output.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "escape.hpp"

namespace headrace::tool {

namespace {

// 0, or the errno of the write that failed.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

int print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return kDone;
  return complain(fmt::format("write to stdout: {}", ::strerrordesc_np(error)), kFailed);
}

std::size_t columns_of_stdout() noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string paragraph(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string lines(indent, ' ');
  std::size_t used = indent;
  std::size_t margin = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (used > margin && used + 1 + word.size() > columns) {
      margin = indent + 2;
      lines += '\n' + std::string(margin, ' ');
      used = margin;
    }
    if (used > margin) lines += ' ';
    used += word.size() + (used > margin ? 1 : 0);
    lines += word;
  }
  return lines + '\n';
}

int print_usage(std::string_view text) {
  (void)write_all(STDERR_FILENO, text);  // as below
  return kWrongUsage;
}

int complain(std::string_view sentence, int status) {
  // With stderr gone as well there is nobody left to tell.
  (void)write_all(STDERR_FILENO, fmt::format("headrace: {}\n", escaped(sentence)));
  return status;
}

}  // namespace headrace::tool
