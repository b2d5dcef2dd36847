// SPDX-License-Identifier: MIT
//
// `headrace connect`: a connection, tried again as often as was asked for, and a conversation on
// it.
//
// The engine is `poll`: three descriptors are too few for an interest list to pay.
#include "connect/connect_command.hpp"

#include <csignal>
#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include "connect/conversation.hpp"
#include "connect/exchange.hpp"
#include "connect/explain_connect.hpp"
#include "coro/resolve.hpp"
#include "escape.hpp"
#include "headrace/connect.hpp"
#include "output.hpp"

namespace headrace::tool {

namespace {

constexpr auto kBetweenTries = 1s;

// Talk on stderr, which a script may read: whole sentences, escaped.
void remark(std::string_view sentence) { (void)complain(sentence, kDone); }

Task<Result<Stream>> try_once(Engine& engine, const ConnectArguments& asked) {
  if (asked.source)
    co_return co_await connect_from(engine, *asked.source, asked.address, asked.timeout);
  co_return co_await connect(engine, asked.address, asked.timeout);
}

// What another try may change.
bool may_pass(const Failure& failure) noexcept {
  return failure.code != Errc::invalid_address && failure.code != Errc::permission_denied &&
         failure.code != Errc::address_unavailable && failure.code != Errc::canceled;
}

Task<Result<Stream>> try_often(Engine& engine, const ConnectArguments& asked) {
  for (std::uint64_t left = asked.retries;; --left) {
    auto stream = co_await try_once(engine, asked);
    if (stream || left == 0 || !may_pass(stream.error())) co_return stream;
    remark(fmt::format("{}; trying again in {}", explain_connect(asked, stream.error()),
                       written(kBetweenTries)));
    const auto slept = co_await engine.sleep(Deadline::after(kBetweenTries));
    if (!slept) co_return std::unexpected(slept.error());
  }
}

// "*" takes both families, and would not be of the peer's.
Address source_towards(const Address& source, const net::SocketAddress& peer) noexcept {
  if (source.host() != "*") return source;
  const char* const any = peer.family() == AF_INET6 ? "::" : "0.0.0.0";
  return Address::ip(source.transport(), any, source.port());
}

template <class Talk>
void tell_replaced(const Talk& held, const std::string& encoding) {
  if (const auto count = held.outgoing().replaced(); count > 0)
    remark(fmt::format("{} could not be said in {} and {} replaced", counted(count, "character"),
                       encoding, count == 1 ? "was" : "were"));
  if (const auto count = held.incoming().invalid(); count > 0)
    remark(fmt::format("{} from the peer {} no {} and {} replaced", counted(count, "byte"),
                       count == 1 ? "was" : "were", encoding, count == 1 ? "was" : "were"));
}

template <class Talk>
Task<> hold(Talk& talk, const ConnectArguments& asked, int& status) {
  co_await talk.hold();
  tell_replaced(talk, asked.format.encoding);
  const std::string trouble = explain_ending(asked, talk.ending());
  status = trouble.empty() ? kDone : complain(trouble, kFailed);
}

void greet(const Input& input, const Address& peer, std::string_view how_to_end) {
  if (input.is_terminal() && ::isatty(STDERR_FILENO) != 0)
    remark(fmt::format("connected to {}; {}", std::string_view{AddressText{peer}}, how_to_end));
}

Task<> connect_and_talk(Engine& engine, const ConnectArguments& asked, int& status) {
  auto stream = co_await try_often(engine, asked);
  if (!stream) {
    status = complain(explain_connect(asked, stream.error()), kFailed);
    co_return;
  }
  Input input{STDIN_FILENO};
  Output output{STDOUT_FILENO};
  greet(input, stream->peer(), "Ctrl-D ends what you say");
  Conversation conversation{std::move(*stream), input, output, asked.format, asked.linger};
  co_await hold(conversation, asked, status);
}

/// A socket that sends to the first address of the peer's name to which there is a way.
Task<Result<Datagram>> open_datagram(Engine& engine, const ConnectArguments& asked) {
  const auto found = co_await detail::resolve(engine, asked.address, asked.timeout);
  if (!found) co_return std::unexpected(found.error());
  Result<Datagram> socket = fail(Errc::name_not_found, "getaddrinfo");
  for (const net::SocketAddress& at : *found) {
    const auto peer = Endpoint::of(net::to_address(at, asked.address.transport()));
    if (!peer) co_return std::unexpected(peer.error());
    socket = asked.source ? Datagram::bind(engine, source_towards(*asked.source, at))
                          : Datagram::open(engine, *peer);
    if (!socket) continue;
    const auto connected = socket->connect(*peer);
    if (connected) co_return socket;
    socket = std::unexpected(connected.error());
  }
  co_return socket;
}

Task<> exchange_datagrams(Engine& engine, const ConnectArguments& asked, int& status) {
  auto socket = co_await open_datagram(engine, asked);
  if (!socket) {
    status = complain(explain_connect(asked, socket.error()), kFailed);
    co_return;
  }
  Input input{STDIN_FILENO};
  Output output{STDOUT_FILENO};
  greet(input, asked.address, "each line is a datagram, Ctrl-D ends");
  Exchange exchange{std::move(*socket), input, output, asked.format, asked.wait};
  co_await hold(exchange, asked, status);
}

}  // namespace

int run_connect(const ConnectArguments& arguments) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // whoever reads our output may leave
  const auto engine = Engine::create(EngineKind::poll);
  if (!engine)
    return complain(fmt::format("no engine to connect with: {}", engine.error().reason()), kFailed);
  int status = kFailed;
  if (arguments.address.is_stream())
    (*engine)->run(connect_and_talk(**engine, arguments, status));
  else
    (*engine)->run(exchange_datagrams(**engine, arguments, status));
  return status;
}

}  // namespace headrace::tool
