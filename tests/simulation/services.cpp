// SPDX-License-Identifier: MIT
//
// The echoes with deadlines and with two tasks; the plain one is headrace's own.
#include "services.hpp"

#include "kernel.hpp"

namespace headrace::simulation {

namespace {

// A deadline never ends before its time, and little later than it.
void judge_wait(const Patience& patience, std::int64_t begun) {
  constexpr std::int64_t kLate = 20'000'000;
  const std::int64_t waited = patience.kernel.now - begun;
  if (waited < patience.once.count())
    patience.kernel.complain("a deadline has ended before its time");
  if (waited > patience.once.count() + kLate) patience.kernel.complain("a deadline has ended late");
}

Task<> send_all(Stream& peer, Channel<Buffer>& from) {
  while (auto bytes = co_await from.receive(peer.engine())) {
    const auto sent = co_await peer.send(*bytes);
    if (!sent) break;
  }
  from.close();
}

}  // namespace

Task<> patient_echo(Patience& patience, Stream peer) {
  for (int left = patience.times; left != 0;) {
    const std::int64_t begun = patience.kernel.now;
    auto bytes = co_await peer.receive(Deadline::after(patience.once));
    if (!bytes && bytes.error().code == Errc::timed_out) {
      judge_wait(patience, begun);
      --left;  // the stream is still good
      continue;
    }
    if (!bytes) co_return;
    const auto sent = co_await peer.send(*bytes, Deadline::after(patience.times * patience.once));
    if (!sent) co_return;
  }
}

Task<> relay_echo(Stream peer) {
  Channel<Buffer> on_their_way{2};
  TaskScope scope{peer.engine()};
  if (!scope.spawn(send_all(peer, on_their_way))) co_return;
  while (auto bytes = co_await peer.receive()) {
    const auto passed = co_await on_their_way.send(peer.engine(), std::move(*bytes));
    if (!passed) break;
  }
  on_their_way.close();
  co_await scope.join();
}

}  // namespace headrace::simulation
