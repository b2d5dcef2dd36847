// SPDX-License-Identifier: MIT
//
// The ring: appending, reading at a cursor, falling out of it.
#include "services/chat/room.hpp"

#include <algorithm>
#include <array>

namespace headrace::chat {

namespace {

void wake_all(const std::vector<std::shared_ptr<Mailbox>>& mailboxes) noexcept {
  for (const auto& mailbox : mailboxes) mailbox->wake();
}

}  // namespace

// Coming and going.

void Room::enter(Place& place, unsigned history) {
  Wakes wakes;
  {
    const std::lock_guard lock{mutex_};
    append(place, Kind::notice, "is here", wakes);
    place.joined_ = place.cursor_ = next();
    for (std::uint64_t left = history; left != 0 && place.cursor_ > first_;) {
      --place.cursor_;
      if (at(place.cursor_).kind != Kind::notice) --left;
    }
    places_.push_back(&place);
  }
  wake_all(wakes);
}

void Room::leave(Place& place, std::string_view how) {
  Wakes wakes;
  {
    const std::lock_guard lock{mutex_};
    if (place.end_ != Place::kNever) return;
    place.end_ = next();
    std::erase(places_, &place);
    if (place.waiting_) std::erase(waiting_, &place);
    place.waiting_ = false;
    append(place, Kind::notice, how, wakes);
  }
  wake_all(wakes);
}

void Room::rename(Place& place, std::string_view nick) {
  Wakes wakes;
  {
    const std::lock_guard lock{mutex_};
    append(place, Kind::notice, std::string{"is now "}.append(nick), wakes);
    place.nick_ = nick;
  }
  wake_all(wakes);
}

std::size_t Room::members() const {
  const std::lock_guard lock{mutex_};
  return places_.size();
}

bool Room::is_forgettable() const {
  const std::lock_guard lock{mutex_};
  return places_.empty() && !said_;
}

// Appending.

std::string_view Room::now() {
  const std::time_t second = std::time(nullptr);
  if (second != second_) {
    std::tm parts{};
    std::array<char, kTimeSize + 1> text{};
    (void)::localtime_r(&second, &parts);
    time_.assign(text.data(),
                 std::strftime(text.data(), text.size(), "[%Y-%m-%d %H:%M:%S] ", &parts));
    time_.resize(kTimeSize, ' ');  // a year of five digits, or a clock that is wrong
    second_ = second;
  }
  return time_;
}

void Room::remember(std::string line) {
  if (line.size() <= kTimeSize || !line.ends_with('\n')) return;
  const std::lock_guard lock{mutex_};
  said_ = true;
  size_ += line.size();
  lines_.push_back({.sender = 0, .kind = Kind::said, .text = std::move(line)});
  drop_oldest();
}

void Room::append(Place& sender, Kind kind, std::string_view text, Wakes& wakes) {
  const std::string_view before = kind == Kind::said ? "<" : kind == Kind::did ? "* " : "-- ";
  const std::string_view after = kind == Kind::said ? "> " : " ";
  std::string line;
  line.reserve(kTimeSize + sender.nick_.size() + text.size() + 6);
  line.append(now()).append(before).append(sender.nick_).append(after).append(text).append("\n");
  if (kind != Kind::notice) {
    said_ = true;
    if (keeper_ != nullptr) keeper_->keep(name_, line);
  }
  size_ += line.size();
  behind_ = places_.size() > 1 ? behind_ + line.size() : 0;
  sender.last_own_ = next();
  // Who has got everything has still: its own line is not for it, so it can never have missed it.
  const bool has_all = sender.cursor_ == next();
  lines_.push_back({.sender = sender.id_, .kind = kind, .text = std::move(line)});
  if (has_all) sender.cursor_ = next();
  drop_oldest();
  wakes.reserve(waiting_.size());
  for (Place* const place : waiting_) {
    if (place == &sender) continue;
    place->waiting_ = false;
    wakes.push_back(place->mailbox_);
  }
  waiting_.clear();
  if (sender.waiting_) waiting_.push_back(&sender);
}

void Room::drop_oldest() {
  while (size_ > limits_.bytes && lines_.size() > 1) {
    size_ -= lines_.front().text.size();
    lines_.pop_front();
    ++first_;
  }
  if (limits_.when_slow == services::WhenSlow::disconnect && lowest_ < first_) find_overrun();
}

// Looks at every member, so only when the slowest one that was known may have been overrun.
void Room::find_overrun() {
  lowest_ = next();
  for (Place* const place : places_) {
    if (place->cursor_ < first_ && place->cursor_ >= place->joined_) place->mailbox_->overrun();
    lowest_ = std::min(lowest_, std::max(place->cursor_, first_));
  }
}

// Reading.

Batch Room::compose(const Place& place, std::uint64_t& cursor, std::uint64_t limit,
                    std::size_t most) const {
  std::string text;
  Batch batch;
  for (; cursor < limit && text.size() < most; ++cursor) {
    const Line& line = at(cursor);
    const bool is_history = cursor < place.joined_;
    if (is_history ? line.kind == Kind::notice : line.sender == place.id_) continue;
    const auto shown = std::string_view{line.text}.substr(is_history ? 0 : kTimeSize);
    if (!text.empty() && text.size() + shown.size() > most) break;
    text += shown;
    ++batch.lines;
  }
  if (!text.empty()) batch.text = std::make_shared<const SharedText>(std::move(text));
  return batch;
}

Batch Room::read(Place& place, std::size_t most) {
  std::uint64_t skipped = 0;
  if (place.cursor_ < first_) {
    // History that has gone meanwhile is nothing that was missed.
    if (first_ > place.joined_) skipped = first_ - std::max(place.cursor_, place.joined_);
    place.cursor_ = first_;
  }
  const std::uint64_t limit = std::min(place.end_, next());
  Batch batch;
  const bool shares = place.cursor_ >= place.joined_ && place.last_own_ < place.cursor_;
  if (place.cursor_ < limit)
    batch = shares ? shared_batch(place, limit, most) : compose(place, place.cursor_, limit, most);
  batch.skipped = skipped;
  if (batch.text == nullptr && place.cursor_ >= limit) {
    batch.ended = place.end_ != Place::kNever;
    if (!batch.ended) wait_for_more(place);
  }
  return batch;
}

Batch Room::shared_batch(Place& place, std::uint64_t limit, std::size_t most) {
  const auto found = std::ranges::find_if(shared_, [&](const Shared& one) {
    return one.from == place.cursor_ && one.to > one.from && one.to <= limit;
  });
  if (found != shared_.end()) {
    place.cursor_ = found->to;
    return found->batch;
  }
  const std::uint64_t from = place.cursor_;
  Batch batch = compose(place, place.cursor_, limit, most);
  shared_[oldest_shared_++ % shared_.size()] = {.from = from, .to = place.cursor_, .batch = batch};
  return batch;
}

void Room::wait_for_more(Place& place) {
  if (place.waiting_) return;
  place.waiting_ = true;
  behind_ = 0;
  waiting_.push_back(&place);
  if (waiting_.size() == places_.size()) shared_ = {};  // a quiet room holds its lines only once
}

Hub::History Room::history_since(std::uint64_t sequence) const {
  const std::lock_guard lock{mutex_};
  Hub::History history;
  for (std::uint64_t index = std::max(sequence, first_) - first_; index < lines_.size(); ++index)
    if (lines_[index].kind != Kind::notice) history.lines.push_back(lines_[index].text);
  history.next = first_ + lines_.size();
  return history;
}

// What a member's tasks call.

std::size_t Room::Place::publish(Kind kind, std::string_view text) {
  Wakes wakes;
  std::size_t behind = 0;
  {
    const std::lock_guard lock{room_->mutex_};
    if (end_ != kNever) return 0;
    room_->append(*this, kind, text, wakes);
    behind = room_->behind_;
  }
  wake_all(wakes);
  return behind;
}

Batch Room::Place::next(std::size_t most) {
  const std::lock_guard lock{room_->mutex_};
  return room_->read(*this, most);
}

std::vector<std::string> Room::Place::members() const {
  const std::lock_guard lock{room_->mutex_};
  std::vector<std::string> nicks;
  nicks.reserve(room_->places_.size());
  for (const Place* const place : room_->places_) nicks.push_back(place->nick_);
  return nicks;
}

}  // namespace headrace::chat
