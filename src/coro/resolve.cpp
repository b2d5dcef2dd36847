// SPDX-License-Identifier: MIT
//
// A task waits for the resolver's thread on a Channel, which both share: who cancels, or reaches
// the deadline, lets go of it, and the last of the two frees it. So nothing here is new to an
// engine.
#include "coro/resolve.hpp"

#include "headrace/channel.hpp"
#include "headrace/engine.hpp"

namespace headrace::detail {

namespace {

class WaitingTask final : public net::Asker {
 public:
  void answered(net::Addresses addresses) noexcept override {
    (void)answer.try_send(std::move(addresses));  // there is room for the one answer
  }
  Channel<net::Addresses> answer{1};
};

}  // namespace

Task<net::Addresses> resolve(Engine& engine, Address address, Deadline deadline) {
  auto known = net::resolve(address, false, net::Names::refuse);
  if (known || known.error().code != Errc::would_wait) co_return known;
  const auto asker = std::make_shared<WaitingTask>();
  const auto asked = net::look_up(address, false, asker);
  if (!asked) co_return std::unexpected(asked.error());
  auto received = co_await asker->answer.receive(engine, deadline);
  if (!received) co_return fail(received.error().code, "getaddrinfo");
  co_return std::move(*received);
}

}  // namespace headrace::detail
