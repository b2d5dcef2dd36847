// SPDX-License-Identifier: MIT
//
// What a peer does each time it looks, and what habits there are.
#include "peer.hpp"

#include <algorithm>

namespace headrace::simulation {

Habits Peer::any(Random& random) noexcept {
  Habits habits;
  habits.bytes = static_cast<std::uint64_t>(random.up_to(random.one_in(8) ? 400'000 : 20'000));
  if (random.one_in(12)) habits.bytes = 0;
  habits.most_sent = random.up_to(100'000);
  habits.most_taken = random.up_to(100'000);
  habits.most_paused = random.up_to(3'000'000);
  if (random.one_in(8)) habits.most_sent = 400'000;  // all that there is room for
  // Whoever says a lot or hears a lot does so in a few hundred pieces, not in a hundred thousand.
  const auto least = static_cast<std::int64_t>(habits.bytes / 100 + 1);
  habits.most_sent = std::max(habits.most_sent, least);
  habits.most_taken = std::max(habits.most_taken, least);
  if (habits.bytes > 1 && random.one_in(5)) habits.urgent_at = 1 + random.below(habits.bytes - 1);
  habits.takes_turns = random.one_in(4);
  constexpr Ending kEndings[] = {Ending::half_close, Ending::half_close, Ending::half_close,
                                 Ending::close,      Ending::reset,      Ending::vanish,
                                 Ending::stay,       Ending::half_close};
  habits.ending = kEndings[random.below(std::size(kEndings))];
  habits.reads =
      habits.ending == Ending::half_close || habits.ending == Ending::stay || random.one_in(2);
  return habits;
}

void Peer::has_news() noexcept {
  if (state_ == State::gone && stream_->server_closed) return;
  kernel_.call_at(*this, kernel_.now + kernel_.random.up_to(habits_.most_paused));
}

void Peer::act() {
  if (stream_ == nullptr) return connect();
  stream_->relieve();
  if (state_ == State::gone) {
    if (stream_->sent > sent_when_left_) stream_->reset();  // nobody is there
    return;
  }
  const std::uint64_t before = said_ + taken_;
  take();
  say();
  if (state_ == State::gone || vanished_) return;
  if (stream_->server_has_ended() && stream_->waiting_for_peer() == 0) return leave();
  const bool may_go_on = said_ + taken_ != before;
  if (may_go_on) has_news();
}

void Peer::connect() {
  constexpr int kMostTries = 40;
  stream_ = kernel_.connect(*this, number_, room_);
  kernel_.trace.note(kernel_.now, stream_ != nullptr ? "peer connects" : "peer is refused", number_,
                     0, 0);
  if (stream_ == nullptr) {
    if (kernel_.listeners().empty() || ++tries_ == kMostTries) state_ = State::gone;
    if (state_ != State::gone)
      kernel_.call_at(*this, kernel_.now + kernel_.random.up_to(20'000'000));
    return;
  }
  state_ = State::talks;
  if (kernel_.random.one_in(2)) return act();  // bytes come with the connection
  has_news();
}

void Peer::take() {
  if (!habits_.reads || stream_->waiting_for_peer() == 0) return;
  const auto most = static_cast<std::uint64_t>(kernel_.random.between(
      std::max<std::int64_t>(1, habits_.most_taken / 4), habits_.most_taken));
  const std::uint64_t got = stream_->take(most);
  taken_ += got;
  kernel_.trace.note(kernel_.now, "peer takes", number_, static_cast<std::int64_t>(got),
                     static_cast<std::int64_t>(taken_));
}

void Peer::say() {
  if (state_ != State::talks || vanished_) return;
  std::uint64_t left = habits_.bytes - said_;
  const bool waits_its_turn = habits_.takes_turns && habits_.reads && taken_ < said_;
  if (left != 0 && !waits_its_turn && !stream_->server_has_ended()) {
    const auto wanted = static_cast<std::uint64_t>(kernel_.random.between(
        std::max<std::int64_t>(1, habits_.most_sent / 4), habits_.most_sent));
    std::uint64_t goes = std::min({wanted, left, stream_->room()});
    if (habits_.urgent_at > said_) goes = std::min(goes, habits_.urgent_at - said_);
    if (goes != 0) {
      stream_->arrive(goes);
      said_ += goes;
      left -= goes;
      kernel_.trace.note(kernel_.now, "peer says", number_, static_cast<std::int64_t>(goes),
                         static_cast<std::int64_t>(said_));
      if (said_ == habits_.urgent_at && stream_->takes_urgent()) {
        stream_->arrive_urgent();
        kernel_.trace.note(kernel_.now, "peer is urgent", number_, 1, 0);
        // Most often the bytes behind it come in the same moment.
        if (!kernel_.random.one_in(3)) return say();
      }
    }
  }
  if (left == 0 && (habits_.ending != Ending::stay)) end();
}

void Peer::end() {
  if (state_ != State::talks) return;
  if (habits_.ending != Ending::reset && kernel_.random.one_in(2) && !stream_->server_has_ended()) {
    return has_news();  // not with the last bytes but a while behind them
  }
  kernel_.trace.note(kernel_.now, "peer ends", number_, static_cast<int>(habits_.ending), 0);
  switch (habits_.ending) {
    case Ending::half_close:
      state_ = State::finished;
      return stream_->finish();
    case Ending::close:
      return leave();
    case Ending::reset:
      state_ = State::gone;
      return stream_->reset();
    case Ending::vanish:
      vanished_ = true;
      habits_.reads = false;
      return;
    case Ending::stay:
      return;
  }
}

void Peer::leave() noexcept {
  kernel_.trace.note(kernel_.now, "peer leaves", number_, static_cast<std::int64_t>(taken_), 0);
  state_ = State::gone;
  sent_when_left_ = stream_->sent;
  stream_->leave();
}

}  // namespace headrace::simulation
