// SPDX-License-Identifier: MIT
//
// Connecting, again and again with longer pauses; a task that receives and one that sends.
#include "chat/chat_client.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "headrace/connect.hpp"
#include "headrace/task_scope.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

using namespace std::chrono_literals;
constexpr auto kLongestPause = 30s;
constexpr auto kForAnAnswer = 2s;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;    // longer ones come in pieces
constexpr std::size_t kLongestTyped = std::size_t{16} << 20;  // of --max-line of the server

constexpr std::string_view kQuestion = "-- what is your nick?";

}  // namespace

ChatClient::ChatClient(Engine& engine, ChatClientOptions options)
    : engine_{engine}, options_{std::move(options)} {}

std::size_t ChatClient::longest_line() const noexcept { return kLongestTyped; }

void ChatClient::refuse(std::size_t size) {
  refused_ = true;
  (void)complain(fmt::format("a line of {} was not sent: no server takes one that long",
                             counted(size, "byte")),
                 kFailed);
}

int ChatClient::status() {
  const AddressText address{options_.address};
  if (nick_refused_)
    return complain(fmt::format("chat with {}: {}; give another --nick", address.view(), refusal_),
                    kFailed);
  if (!failure_) return refused_ ? kFailed : kDone;
  if (connected_)
    return complain(
        fmt::format("chat with {}: {} ({})", address.view(), failure_->reason(), failure_->call),
        kFailed);
  const std::string_view advice =
      failure_->code == Errc::refused ? "; is 'headrace serve chat' running there?" : "";
  return complain(fmt::format("connect to {}: {} ({}){}", address.view(), failure_->reason(),
                              failure_->call, advice),
                  kFailed);
}

Task<> ChatClient::run() {
  std::chrono::nanoseconds pause = 1s;
  for (;;) {
    auto peer = co_await connect(engine_, options_.address, Deadline::after(options_.timeout));
    if (peer) {
      if (std::exchange(connected_, true)) unread_ = !show("-- connected again");
      failure_.reset();
      co_await converse(*peer);
      if (std::exchange(heard_, false)) pause = 1s;  // not of who lets us in and throws us out
    } else {
      failure_ = peer.error();
    }
    if (ended_ || unread_ || !connected_ || !options_.reconnects) co_return;
    unread_ = !show(fmt::format("-- no connection ({}); trying again in {}",
                                failure_ ? failure_->reason() : "the server has closed it",
                                written(pause)));
    const auto slept = co_await engine_.sleep(Deadline::after(pause));
    if (!slept || unread_) co_return;
    pause = std::min<std::chrono::nanoseconds>(2 * pause, kLongestPause);
  }
}

Task<> ChatClient::converse(Stream& peer) {
  partial_.clear();
  while (answers_.try_receive()) continue;
  if (!options_.encoding.empty()) {
    auto in = Transcoder::open(options_.encoding, "UTF-8");
    auto out = Transcoder::open("UTF-8", options_.encoding);
    if (!in || !out) {
      failure_ = in ? out.error() : in.error();
      co_return;
    }
    in_.emplace(std::move(*in));
    out_.emplace(std::move(*out));
  }
  TaskScope sending{engine_};
  if (const auto spawned = sending.spawn(send_typed(peer)); !spawned) failure_ = spawned.error();
  while (!failure_ && !unread_) {
    const auto bytes = co_await peer.receive();
    if (bytes) {
      heard_ = true;
      show_lines(in_ ? text_of(in_->convert(*bytes)) : text_of(*bytes));
      continue;
    }
    if (bytes.error().code != Errc::end_of_stream) failure_ = bytes.error();
    break;
  }
  if (!partial_.empty()) show_lines("\n");
  sending.cancel();
  co_await sending.join();
}

void ChatClient::show_lines(std::string_view bytes) {
  partial_.append(bytes);
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = partial_.find('\n', begin)) != partial_.npos; begin = end + 1) {
    std::string_view line = std::string_view{partial_}.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!options_.nick.empty() && line == kQuestion) continue;  // answered already
    learn(line);
    if (!show(line)) unread_ = true;
  }
  partial_.erase(0, begin);
  if (partial_.size() < kLongestLine) return;
  unread_ = unread_ || !show(partial_);
  partial_.clear();
}

// What the server calls us and where we are is said again to the next connection. Nobody else can
// make it say these: the lines of members begin with their nicks, which have no space in them.
void ChatClient::learn(std::string_view line) {
  const auto rest_after = [&](std::string_view beginning) {
    return line.starts_with(beginning) ? line.substr(beginning.size()) : std::string_view{};
  };
  if (const auto nick = rest_after("-- you are "); !nick.empty() && !nick.contains(' ')) {
    options_.nick = nick;
    (void)answers_.try_send(true);
  }
  if (const auto where = rest_after("-- in "); where.contains(" ("))
    room_ = where.substr(0, where.find(' '));
  if (line.starts_with("-- choose another nick")) {
    refusal_ = line.substr(3);
    (void)answers_.try_send(false);
  }
}

Task<bool> ChatClient::send_line(Stream& peer, std::string_view line) {
  std::string bytes{line};
  bytes += '\n';
  if (out_) bytes = text_of(out_->convert(bytes_of(bytes)));
  const auto sent = co_await peer.send(bytes_of(bytes));
  co_return sent.has_value();
}

// Nothing is said before the server has taken the nick: it would take the first line for one. A
// server that says nothing about nicks is another program.
Task<bool> ChatClient::introduce(Stream& peer) {
  std::string nick = options_.nick;
  const std::string room = room_;
  while (!nick.empty()) {
    const bool sent = co_await send_line(peer, nick);
    if (!sent) co_return false;
    const auto taken = co_await answers_.receive(engine_, Deadline::after(kForAnAnswer));
    if (!taken && taken.error().code != Errc::timed_out) co_return false;
    if (!taken || *taken) break;
    nick_refused_ = !options_.reconnects;
    if (nick_refused_) co_return true;
    auto line = co_await typed().receive(engine_);
    if (!line) co_return line.error().code == Errc::end_of_stream;
    nick = std::move(*line);
    ended_ = nick == "/quit";
  }
  if (room.empty() || room == "lobby") co_return true;
  const std::string join = "/join " + room;
  const bool sent = co_await send_line(peer, join);
  co_return sent;
}

Task<> ChatClient::send_typed(Stream& peer) {
  const bool introduced = co_await introduce(peer);
  if (!introduced) co_return;
  while (!nick_refused_) {
    if (!unsent_) {
      auto line = co_await typed().receive(engine_);
      if (!line) {
        if (line.error().code != Errc::end_of_stream) co_return;
        break;
      }
      unsent_ = std::move(*line);
    }
    const bool sent = co_await send_line(peer, *unsent_);
    if (!sent) co_return;
    if (*unsent_ == "/quit") ended_ = true;
    unsent_.reset();
  }
  ended_ = true;
  (void)peer.shutdown_send();  // the server may be gone already
}

}  // namespace headrace::tool
