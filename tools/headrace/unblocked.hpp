// SPDX-License-Identifier: MIT
//
// How a descriptor is used without waiting, whatever it is, when others (the shell, a pager, our
// own other streams) share its open file: setting O_NONBLOCK on it would set it for them too.
#pragma once

#include <cstdint>

namespace headrace::tool {

/// What reads and writes without waiting.
enum class Way : std::uint8_t {
  reopened,  ///< A pipe or terminal, opened a second time with O_NONBLOCK: read(2), write(2).
  socket,    ///< recv(2) and send(2) with MSG_DONTWAIT.
  polled,    ///< Anything else: poll(2) before each call. A regular file never waits.
};

struct Unblocked {
  int descriptor;  ///< to be closed by the owner if `way` is `reopened`; else the one given
  Way way;
};

/// `access` is O_RDONLY or O_WRONLY.
[[nodiscard]] Unblocked unblocked(int descriptor, int access);

}  // namespace headrace::tool
