// SPDX-License-Identifier: MIT
//
// Connecting, again and again with longer pauses; a task that receives and one that sends.
#include "chat/chat_client.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "headrace/connect.hpp"
#include "headrace/task_scope.hpp"
#include "services/chat/lines.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

using namespace std::chrono_literals;
constexpr auto kLongestPause = 30s;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;  // longer ones come in pieces

}  // namespace

ChatClient::ChatClient(Engine& engine, ChatClientOptions options, Show show)
    : engine_{engine}, options_{std::move(options)}, show_{std::move(show)} {}

Task<> ChatClient::run() {
  std::chrono::nanoseconds pause = 1s;
  for (;;) {
    auto peer = co_await connect(engine_, options_.address, Deadline::after(options_.timeout));
    if (peer) {
      pause = 1s;
      if (std::exchange(connected_, true)) unread_ = !show_("-- connected again");
      failure_.reset();
      co_await converse(*peer);
    } else {
      failure_ = peer.error();
    }
    if (ended_ || unread_ || !connected_ || !options_.reconnects) co_return;
    unread_ = !show_(fmt::format("-- no connection ({}); trying again in {}",
                                 failure_ ? failure_->reason() : "the server has closed it",
                                 written(pause)));
    const auto slept = co_await engine_.sleep(Deadline::after(pause));
    if (!slept || unread_) co_return;
    pause = std::min<std::chrono::nanoseconds>(2 * pause, kLongestPause);
  }
}

Task<> ChatClient::converse(Stream& peer) {
  partial_.clear();
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
    if (!show_(line)) unread_ = true;
  }
  partial_.erase(0, begin);
  if (partial_.size() < kLongestLine) return;
  unread_ = unread_ || !show_(partial_);
  partial_.clear();
}

// What was said of ourselves is said again to the next connection.
void ChatClient::note(std::string_view line) {
  if (options_.nick.empty()) options_.nick = line;
  if (line.starts_with("/nick ")) options_.nick = line.substr(6);
  if (line.starts_with("/join ")) room_ = line.substr(6);
  if (line == "/part") room_.clear();
  if (line == "/quit") ended_ = true;
}

Task<bool> ChatClient::send_line(Stream& peer, std::string_view line) {
  std::string bytes{line};
  bytes += '\n';
  if (out_) bytes = text_of(out_->convert(bytes_of(bytes)));
  const auto sent = co_await peer.send(bytes_of(bytes));
  co_return sent.has_value();
}

Task<> ChatClient::send_typed(Stream& peer) {
  if (!options_.nick.empty()) {
    const std::string nick = options_.nick;
    const bool sent = co_await send_line(peer, nick);
    if (!sent) co_return;
  }
  if (!room_.empty()) {
    const std::string join = "/join " + room_;
    const bool sent = co_await send_line(peer, join);
    if (!sent) co_return;
  }
  for (;;) {
    if (!unsent_) {
      auto line = co_await typed_.receive(engine_);
      if (!line) {
        if (line.error().code != Errc::end_of_stream) co_return;
        break;
      }
      unsent_ = std::move(*line);
    }
    const bool sent = co_await send_line(peer, *unsent_);
    if (!sent) co_return;
    note(*unsent_);
    unsent_.reset();
  }
  ended_ = true;
  (void)peer.shutdown_send();  // the server may be gone already
}

}  // namespace headrace::tool
