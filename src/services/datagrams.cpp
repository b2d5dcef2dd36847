// SPDX-License-Identifier: MIT
//
// Echo and discard of datagrams: one after another, for as long as the server runs. Batches are the
// engine's business. A receive that fails for want of memory, or tells what became of an earlier
// answer, ends nothing. Not here: who is answered (datagram_rules.cpp).
#include "headrace/services.hpp"

namespace headrace::services {

namespace {

/// Whether the next receive may bring something. What fails again and again without waiting is
/// broken for good.
class Patience {
 public:
  bool goes_on_after(const Failure& failure) noexcept {
    if (failure.code == Errc::draining || failure.code == Errc::canceled) return false;
    return ++failures_ < kMost;
  }
  void received() noexcept { failures_ = 0; }

 private:
  static constexpr int kMost = 1000;
  int failures_ = 0;
};

}  // namespace

Task<> echo_datagrams(DatagramRules& rules, Datagram socket) {
  rules.apply_to(socket);
  for (Patience patience;;) {
    auto received = co_await socket.receive();
    if (!received && !patience.goes_on_after(received.error())) co_return;
    if (!received) continue;
    patience.received();
    if (!rules.allow(socket, *received)) continue;
    const auto answered = co_await socket.answer(std::move(*received));
    if (!answered && answered.error().code == Errc::canceled) co_return;
  }
}

Task<> discard_datagrams(Datagram socket) {
  for (Patience patience;;) {
    const auto received = co_await socket.receive();
    if (!received && !patience.goes_on_after(received.error())) co_return;
    if (received) patience.received();
  }
}

}  // namespace headrace::services
