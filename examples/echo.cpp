// SPDX-License-Identifier: MIT
//
// The service of the README: sends back what it receives. `echo` listens on tcp://127.0.0.1:7788
// under epoll-edge; `echo unix:/tmp/echo.sock thread` elsewhere and under another model. Ctrl-C
// drains it. The same as a command of the program is `headrace serve echo`, which has options for
// everything.
#include <cstdio>

#include <headrace/headrace.hpp>

using namespace headrace;

namespace {

Task<> echo(Stream peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

}  // namespace

int main(int count, char** arguments) {
  ServeOptions options;
  if (count > 1) options.listen = arguments[1];
  if (count > 2) {
    const ModelInfo* const model = find_model(arguments[2]);
    if (model == nullptr) {
      (void)std::fprintf(stderr, "echo: there is no model '%s'\n", arguments[2]);
      return 2;
    }
    options.model = model->model;
  }
  return serve(echo, options);
}
