// SPDX-License-Identifier: MIT
//
// Sends back what it receives until the peer closes, goes quiet or fails. The same under every
// model.
#include "headrace/services.hpp"

namespace headrace::services {

Task<> echo(Stream peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

}  // namespace headrace::services
