// SPDX-License-Identifier: MIT
//
// The two tasks, the silence after the end of what is typed, and what is said when a datagram could
// not be sent.
#include "chat/datagram_talk.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "datagrams/content.hpp"
#include "datagrams/explain_datagram.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::tool {

DatagramTalk::DatagramTalk(Engine& engine, Datagram socket, Speech& speech,
                           DatagramTalkOptions options)
    : engine_{engine},
      socket_{std::move(socket)},
      speech_{speech},
      options_{std::move(options)},
      encoder_{options_.encoding},
      decode_{decoder_of(options_.peer_encoding.empty() ? "utf-8" : options_.peer_encoding)} {}

std::size_t DatagramTalk::longest_line() const noexcept { return 4 * kLongestDatagram; }

void DatagramTalk::refuse(std::size_t size) { tell("not sent: " + too_long(size)); }

void DatagramTalk::hurry() {
  hurried_ = true;
  (void)hurries_.try_send({});
}

Task<> DatagramTalk::run() {
  TaskScope scope{engine_};
  auto spawned = scope.spawn(hear(scope));
  if (spawned) spawned = scope.spawn(send_typed(scope));
  if (!spawned) {
    scope.cancel();
    if (spawned.error().code != Errc::canceled) note_sending(spawned.error());
  }
  co_await scope.join();
}

// Sending.

Task<> DatagramTalk::send_typed(TaskScope& scope) {
  co_await send(speech_.hello());
  is_starting_ = false;
  bool goes_on = !ended_;
  while (goes_on) {
    auto line = co_await typed().receive(engine_);
    if (!line) break;
    Speech::Saying saying = speech_.say(*line);
    show_all(saying.show);
    co_await send(std::move(saying.send));
    hurried_ = hurried_ || saying.ends;
    goes_on = !saying.ends && !ended_;
  }
  if (!ended_) {
    co_await wait_for_silence();
    co_await send(speech_.good_bye());
  }
  scope.cancel();
}

// Of both sides: an answer to the last line may have an answer to come.
Task<> DatagramTalk::wait_for_silence() {
  last_ = Clock::now();
  while (!hurried_ && !unread_) {
    const Deadline until =
        options_.linger.is_never() ? options_.linger : Deadline::at(options_.linger.resolve(last_));
    const auto told = co_await hurries_.receive(engine_, until);
    if (told || told.error().code != Errc::timed_out) co_return;
    if (Clock::now() >= options_.linger.resolve(last_)) co_return;
  }
}

Task<> DatagramTalk::send(std::optional<std::string> text) {
  if (!text) co_return;
  const std::string bytes = encoder_.encode(*text);
  if (bytes.size() > kLongestDatagram) {
    refuse(bytes.size());
    co_return;
  }
  Result<> sent;
  if (options_.is_connected) {
    sent = co_await socket_.send(bytes_of(bytes));
    // What an earlier one met is told by the next call instead of sending: again, then.
    if (!sent && sent.error().code == Errc::refused) {
      note_refusal();
      sent = co_await socket_.send(bytes_of(bytes));
    }
  } else {
    sent = co_await socket_.send_to(bytes_of(bytes), options_.to);
  }
  last_ = Clock::now();
  if (!sent) note_sending(sent.error());
}

void DatagramTalk::note_sending(const Failure& failure) {
  if (failure.code == Errc::canceled) return;
  if (failure.code == Errc::refused) return note_refusal();
  // A person may mend what is wrong, but for what was wrong from the beginning.
  if (failure.code != Errc::message_too_long) ended_ = !options_.for_person || is_starting_;
  tell(explain_send(options_.address, failure));
}

void DatagramTalk::note_refusal() {
  if (std::exchange(refused_, true) || !options_.for_person) return;
  (void)show(fmt::format("-- nobody listens at {}; perhaps not yet", short_text(options_.address)));
}

/// What went wrong: to a person among the lines, or at the end, else on stderr.
void DatagramTalk::tell(const std::string& sentence) {
  if (options_.for_person && !ended_)
    (void)show("-- " + sentence);
  else if (options_.for_person)
    last_words_ = sentence;
  else
    status_ = complain(sentence, kFailed);
}

// Hearing.

Task<> DatagramTalk::hear(TaskScope& scope) {
  while (!unread_) {
    const auto received = co_await socket_.receive();
    if (received) {
      const Decoded text = decode_(text_of({received->data(), received->size()}));
      invalid_ += text.invalid;
      last_ = Clock::now();
      const Address sender = received->sender().address();
      const bool is_of_them = sender.host() == options_.to.address().host();
      refused_ = refused_ && !is_of_them;
      show_all(speech_.hear(text.text, sender));
      continue;
    }
    const Errc why = received.error().code;
    if (why == Errc::refused) {
      note_refusal();
    } else if (why != Errc::unreachable) {
      ended_ = true;
      if (why != Errc::canceled) tell(explain_receive(socket_.local(), received.error()));
      scope.cancel();
      co_return;
    }
  }
  typed().close();
  hurry();
}

void DatagramTalk::show_all(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) unread_ = !show(line) || unread_;
}

int DatagramTalk::status() {
  const std::string& encoding = options_.peer_encoding;
  if (invalid_ > 0)
    (void)complain(fmt::format("{} that came were no {}, shown as U+FFFD",
                               counted(invalid_, "byte"), encoding.empty() ? "UTF-8" : encoding),
                   kDone);
  if (encoder_.replaced() > 0)
    (void)complain(fmt::format("{} could not be said in {} and was replaced",
                               counted(encoder_.replaced(), "character"), options_.encoding),
                   kDone);
  if (!last_words_.empty()) return complain(last_words_, kFailed);
  if (!refused_ || options_.for_person) return status_;
  const Failure refused{.call = "recvmsg", .error = 0, .code = Errc::refused};
  return complain(explain_send(options_.address, refused), kFailed);
}

}  // namespace headrace::tool
