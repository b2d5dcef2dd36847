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
#include "connect/explain_connect.hpp"
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

void tell_replaced(const Conversation& held, const std::string& encoding) {
  if (const auto count = held.outgoing().replaced(); count > 0)
    remark(fmt::format("{} could not be said in {} and {} replaced", counted(count, "character"),
                       encoding, count == 1 ? "was" : "were"));
  if (const auto count = held.incoming().invalid(); count > 0)
    remark(fmt::format("{} from the peer {} no {} and {} replaced", counted(count, "byte"),
                       count == 1 ? "was" : "were", encoding, count == 1 ? "was" : "were"));
}

Task<> connect_and_talk(Engine& engine, const ConnectArguments& asked, int& status) {
  auto stream = co_await try_often(engine, asked);
  if (!stream) {
    status = complain(explain_connect(asked, stream.error()), kFailed);
    co_return;
  }
  Input input{STDIN_FILENO};
  Output output{STDOUT_FILENO};
  if (input.is_terminal() && ::isatty(STDERR_FILENO) != 0)
    remark(fmt::format("connected to {}; Ctrl-D ends what you say",
                       std::string_view{AddressText{stream->peer()}}));
  Conversation conversation{std::move(*stream), input, output, asked.format, asked.linger};
  co_await conversation.hold();
  tell_replaced(conversation, asked.format.encoding);
  const std::string trouble = explain_ending(asked, conversation.ending());
  status = trouble.empty() ? kDone : complain(trouble, kFailed);
}

}  // namespace

int run_connect(const ConnectArguments& arguments) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // whoever reads our output may leave
  const auto engine = Engine::create(EngineKind::poll);
  if (!engine)
    return complain(fmt::format("no engine to connect with: {}", engine.error().reason()), kFailed);
  int status = kFailed;
  (*engine)->run(connect_and_talk(**engine, arguments, status));
  return status;
}

}  // namespace headrace::tool
