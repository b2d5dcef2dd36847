// SPDX-License-Identifier: MIT
//
// connect(): a name's addresses, then a race between them (RFC 8305, "Happy Eyeballs"): a host
// whose IPv6 is broken costs 250 ms instead of the two minutes that TCP takes to give up.
//
// Each try is a task of its own, so a thread under a blocking engine; one address alone is tried in
// line. Not here: asking for IPv6 and IPv4 apart (RFC 8305, section 3): getaddrinfo(3) gives both.
#include "headrace/connect.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "coro/resolve.hpp"
#include "engines/engine_core.hpp"
#include "headrace/channel.hpp"

namespace headrace {

namespace {

using detail::EngineCore;
using net::SocketAddress;
using namespace std::chrono_literals;

constexpr auto kHeadStart = 250ms;  // RFC 8305, section 5: connection attempt delay
// A Unix listener with a full backlog says EAGAIN, and nothing tells when there is room again
// (connect(2)).
constexpr auto kUnixRetry = 5ms;

/// Where from, one for each family that may be tried; empty: wherever the kernel says.
using Sources = std::vector<SocketAddress>;

const SocketAddress* source_for(const Sources& sources, const SocketAddress& to) noexcept {
  const auto found = std::ranges::find(sources, to.family(), &SocketAddress::family);
  return found == sources.end() ? nullptr : &*found;
}

/// One address, once: a socket, and the handshake.
Task<Result<Stream>> try_once(EngineCore& engine, const Sources& sources, SocketAddress to,
                              Transport transport, Deadline whole) {
  auto socket = net::make_stream_socket(to.family(), engine.socket_mode());
  if (!socket) co_return std::unexpected(socket.error());
  if (const SocketAddress* const from = source_for(sources, to); from != nullptr) {
    const int error = net::bind_source(socket->descriptor(), *from);
    if (error < 0) co_return fail_errno("bind", -error);
  }
  const auto record = engine.adopt(std::move(*socket), transport);
  if (!record) co_return std::unexpected(record.error());
  Stream stream{*record};
  const Result<> connected =
      co_await Awaitable<Result<>>{detail::connect_operation, *record, whole, &to};
  if (!connected) co_return std::unexpected(connected.error());
  co_return stream;
}

/// The same until there is room in the listener's backlog.
Task<Result<Stream>> try_address(EngineCore& engine, const Sources& sources, SocketAddress to,
                                 Transport transport, Deadline whole) {
  for (;;) {
    auto stream = co_await try_once(engine, sources, to, transport, whole);
    if (stream || stream.error().code != Errc::would_wait) co_return stream;
    if (sys::steady_now() >= whole.resolve({})) co_return fail(Errc::timed_out, "connect");
    const auto slept = co_await engine.sleep(Deadline::after(kUnixRetry));
    if (!slept) co_return fail(Errc::canceled, "connect");
  }
}

/// The families by turns, that of the first one first; each in its order (RFC 8305, section 4).
std::vector<SocketAddress> interleaved(const std::vector<SocketAddress>& sorted) {
  std::vector<SocketAddress> first, second, result;
  for (const SocketAddress& address : sorted)
    (address.family() == sorted.front().family() ? first : second).push_back(address);
  for (std::size_t turn = 0; result.size() < sorted.size(); ++turn) {
    if (turn < first.size()) result.push_back(first[turn]);
    if (turn < second.size()) result.push_back(second[turn]);
  }
  return result;
}

struct Race {
  Race(EngineCore& on, const Sources& with, std::vector<SocketAddress> of, Transport over,
       Deadline until)
      : engine{on},
        sources{with},
        addresses{std::move(of)},
        transport{over},
        whole{until},
        finished{addresses.size()} {}

  EngineCore& engine;
  const Sources& sources;
  std::vector<SocketAddress> addresses;
  Transport transport;
  Deadline whole;
  std::size_t started = 0;
  std::size_t ended = 0;
  Channel<Result<Stream>> finished;  // a loser that answers after all is closed with it
};

Task<> run_in(Race& race, SocketAddress to) {
  auto stream = co_await try_address(race.engine, race.sources, to, race.transport, race.whole);
  (void)race.finished.try_send(std::move(stream));  // there is room for every try
}

/// What an address without a route says is of no use if another one has said more.
bool says_more(const Failure& failure, const Failure& than) noexcept {
  return than.code == Errc{} || failure.code != Errc::unreachable || than.code == failure.code;
}

/// Whether the next try is to begin although others are under way.
bool is_head_start_over(const Failure& waiting, const Race& race) noexcept {
  return waiting.code == Errc::timed_out && race.started < race.addresses.size() &&
         sys::steady_now() < race.whole.resolve({});
}

/// Starts one try after another until one has won, all have failed, or it is cancelled.
Task<Result<Stream>> race_in(Race& race, TaskScope& scope) {
  Failure failure{"", 0, Errc{}};
  while (race.ended < race.addresses.size()) {
    if (race.started < race.addresses.size()) {
      const auto spawned = scope.spawn(run_in(race, race.addresses[race.started]));
      if (spawned) ++race.started;
      // Without a thread for it those under way must do.
      if (!spawned && race.started == race.ended) co_return std::unexpected(spawned.error());
      if (!spawned) race.addresses.resize(race.started);
    }
    const bool is_last = race.started == race.addresses.size();
    // The last ones keep the deadline themselves.
    const auto patience = is_last ? Deadline::never() : Deadline::after(kHeadStart);
    auto stream = co_await race.finished.receive(race.engine, patience);
    if (!stream && is_head_start_over(stream.error(), race)) continue;
    if (!stream) co_return fail(stream.error().code, "connect");
    if (*stream) co_return std::move(*stream);
    ++race.ended;
    if (says_more(stream->error(), failure)) failure = stream->error();
  }
  co_return std::unexpected(failure);
}

Task<Result<Stream>> connect_to_first(EngineCore& engine, const Sources& sources,
                                      std::vector<SocketAddress> addresses, Transport transport,
                                      Deadline whole) {
  if (addresses.size() == 1)
    co_return co_await try_address(engine, sources, addresses.front(), transport, whole);
  Race race{engine, sources, interleaved(addresses), transport, whole};
  TaskScope scope{engine};
  auto stream = co_await race_in(race, scope);
  scope.cancel();
  co_await scope.join();
  co_return stream;
}

Task<Result<Stream>> connect_with(Engine& engine, Sources sources, Address to, Deadline deadline) {
  if (!to.is_stream())
    co_return fail(Errc::invalid_address, "a datagram address cannot be connected to as a stream");
  const Deadline whole =
      deadline.is_never() ? deadline : Deadline::at(deadline.resolve(sys::steady_now()));
  auto addresses = co_await detail::resolve(engine, to, whole);
  if (!addresses) co_return std::unexpected(addresses.error());
  if (!sources.empty())
    std::erase_if(*addresses, [&](const auto& at) { return source_for(sources, at) == nullptr; });
  if (addresses->empty())
    co_return fail(Errc::invalid_address, "the local address is of another family");
  co_return co_await connect_to_first(static_cast<EngineCore&>(engine), sources,
                                      std::move(*addresses), to.transport(), whole);
}

/// "*" is every address of the machine, of either family: only the port is asked for.
Result<Sources> sources_of(const Address& from) {
  if (from.host() != "*") return net::resolve(from, true, net::Names::refuse);
  Sources both;
  for (const char* any : {"0.0.0.0", "::"}) {
    const auto one =
        net::resolve(Address::ip(from.transport(), any, from.port()), true, net::Names::refuse);
    if (one) both.push_back(one->front());
  }
  return both;
}

}  // namespace

Task<Result<Stream>> connect(Engine& engine, Address to, Deadline deadline) {
  co_return co_await connect_with(engine, {}, to, deadline);
}

Task<Result<Stream>> connect_from(Engine& engine, Address from, Address to, Deadline deadline) {
  auto sources = sources_of(from);
  if (!sources || from.transport() != to.transport())
    co_return fail(Errc::invalid_address, "the local address must be numeric and of the same kind");
  co_return co_await connect_with(engine, std::move(*sources), to, deadline);
}

}  // namespace headrace
