// SPDX-License-Identifier: MIT
//
// The first TCP server of every course: one recv(2), one send(2), close(2). It closes first, so its
// side is the one that TIME_WAIT stays with.
//
// Closing while received bytes are unread makes the kernel send RST, which can destroy the answer
// on its way (RFC 1122, 4.2.2.13). So our side is shut first, and what still comes is read and
// thrown away until the peer has closed too.
#include <chrono>
#include <string>

#include "headrace/services.hpp"

namespace headrace::services {

namespace {
constexpr auto kPatience = std::chrono::seconds{5};  // with a peer that does not close
}

Task<> reply(Stream peer) {
  std::string answer = "has recv:";
  {
    const auto bytes = co_await peer.receive();
    if (!bytes) co_return;
    answer += text_of(*bytes);
  }
  if (!co_await peer.send(bytes_of(answer)) || !peer.shutdown_send()) co_return;
  const auto end = Deadline::at(std::chrono::steady_clock::now() + kPatience);
  for (;;)
    if (const auto bytes = co_await peer.receive(end); !bytes) co_return;
}

}  // namespace headrace::services
