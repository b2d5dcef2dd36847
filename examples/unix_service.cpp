// SPDX-License-Identifier: MIT
//
// A service for the programs of this machine: a Unix socket that hands out numbers, each once.
// `unix_service PATH`, by default /tmp/headrace-numbers.sock; ask it with `nc -U PATH`.
//
// The path has mode 0600, so only its owner's programs can ask. One that a killed server has left
// behind is replaced; one where somebody answers is not. It is removed when the server stops.
#include <atomic>
#include <string>

#include <headrace/headrace.hpp>

using namespace headrace;

namespace {

/// What all connections share. Several threads may serve them: it must be safe to use from all.
struct Numbers {
  std::atomic<unsigned> last = 0;
};

Task<> hand_out(Numbers& numbers, Stream peer) {
  const std::string number = std::to_string(++numbers.last) + "\n";
  (void)co_await peer.send(bytes_of(number));  // who has left does without
}

}  // namespace

int main(int count, char** arguments) {
  Numbers numbers;
  const std::string path = count > 1 ? arguments[1] : "/tmp/headrace-numbers.sock";
  const std::string address = "unix:" + path;
  // Memory that threads share, but not processes: models that fork are refused.
  const Service service = Service{hand_out, numbers}.needing(Needs::shared_memory);
  return serve(service, {.listen = std::string_view{address}, .model = Model::thread});
}
