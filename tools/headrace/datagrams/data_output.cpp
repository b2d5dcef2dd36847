// SPDX-License-Identifier: MIT
//
// Writing with poll(2) before each write(2), PIPE_BUF bytes at a time: a pipe that is writable has
// room for so many, so that the write does not wait and Ctrl-C is never waited for in it.
#include "datagrams/data_output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "output.hpp"

namespace headrace::tool {

Result<> DataOutput::write(std::string_view text) const {
  while (!text.empty()) {
    std::array<pollfd, 2> entries{pollfd{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0},
                                  pollfd{.fd = stop_, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(entries.data(), entries.size(), -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0 && entries[0].revents == 0) return fail(Errc::canceled, "write");
    const ssize_t count =
        ::write(STDOUT_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    // EAGAIN: somebody has made it non-blocking, or another process took the room.
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return fail_errno("write", errno);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

int complain_about_output(const Failure& failure) {
  if (failure.code == Errc::canceled) return kFailed;
  return complain(fmt::format("write to stdout: {}", failure.reason()), kFailed);
}

}  // namespace headrace::tool
