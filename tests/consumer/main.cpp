// SPDX-License-Identifier: MIT
//
// What somebody who found the package would write first: a service, and a server for it. The server
// is told to stop before it starts, so that this program ends by itself.
#include <cstdio>

#include <headrace/headrace.hpp>

namespace {

headrace::Task<> echo(headrace::Stream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (!co_await peer.send(*bytes)) co_return;
  }
}

}  // namespace

int main() {
  for (const headrace::ModelInfo& row : headrace::all_models()) {
    std::printf("%.*s\n", static_cast<int>(row.name.size()), row.name.data());
  }
  headrace::Stopper stopper;
  stopper.stop();
  return headrace::serve(echo, {.listen = "tcp://127.0.0.1:0", .stopper = &stopper});
}
