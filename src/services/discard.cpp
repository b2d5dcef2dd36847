// SPDX-License-Identifier: MIT
//
// Reads and throws away what it receives. A peer that only wants to get rid of its bytes finds out
// here how fast that can be; nothing is ever sent.
#include "headrace/services.hpp"

namespace headrace::services {

Task<> discard(Stream peer) {
  for (;;)
    if (const auto bytes = co_await peer.receive(); !bytes) co_return;
}

}  // namespace headrace::services
