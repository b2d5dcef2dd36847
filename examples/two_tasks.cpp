// SPDX-License-Identifier: MIT
//
// Two tasks and a Channel: one task receives and cuts what comes into lines, the other numbers them
// and sends them back. Neither waits for the other until the Channel is full; then the reader does,
// and with it, in the end, the client. `two_tasks ADDR MODEL`, by default tcp://127.0.0.1:7788
// under epoll-edge.
//
// On a loop both tasks take turns; under a blocking model the second one is a thread. The service
// is the same, and needs no lock: the tasks of a connection give way to each other only where they
// wait.
#include <cstdio>
#include <string>
#include <utility>

#include <headrace/headrace.hpp>

using namespace headrace;

namespace {

using Lines = Channel<std::string>;

Task<> read_lines(Stream& peer, Lines& lines) {
  std::string begun;
  bool wanted = true;
  while (wanted) {
    const auto bytes = co_await peer.receive();
    if (!bytes) break;
    begun += text_of(*bytes);
    for (auto end = begun.find('\n'); wanted && end != std::string::npos; end = begun.find('\n')) {
      const auto sent = co_await lines.send(peer.engine(), begun.substr(0, end + 1));
      wanted = sent.has_value();  // no: the writer has left
      begun.erase(0, end + 1);
    }
  }
  if (wanted && !begun.empty()) (void)co_await lines.send(peer.engine(), std::move(begun));
  lines.close();  // the writer still gets what is in it
}

Task<> write_numbered(Stream& peer, Lines& lines) {
  for (int number = 1;; ++number) {
    const auto line = co_await lines.receive(peer.engine());
    if (!line) break;
    const std::string answer = std::to_string(number) + ": " + *line;
    const auto sent = co_await peer.send(bytes_of(answer));
    if (!sent) break;
  }
  lines.close();
}

Task<> number_lines(Stream peer) {
  Lines lines{16};
  TaskScope both{peer.engine()};
  // A task that cannot be had (a thread too many) must not leave the other one waiting.
  if (!both.spawn(read_lines(peer, lines)) || !both.spawn(write_numbered(peer, lines)))
    both.cancel();
  co_await both.join();
}

}  // namespace

int main(int count, char** arguments) {
  ServeOptions options;
  if (count > 1) options.listen = arguments[1];
  const ModelInfo* const model = find_model(count > 2 ? arguments[2] : "epoll-edge");
  if (model == nullptr) {
    (void)std::fprintf(stderr, "two_tasks: there is no model '%s'\n", arguments[2]);
    return 2;
  }
  options.model = model->model;
  return serve(number_lines, options);
}
