// SPDX-License-Identifier: MIT
//
// The loop of the datagrams: send(2) and recv(2) on connected sockets, whose errors are what the
// peer's ICMP messages say: "refused" where no server is.
//
// A datagram is 4 bytes of slot, 4 of number, both in our own byte order as only we read them, then
// a stretch of the pattern that depends on the socket and the number.
#include "bench/datagrams.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kBatch = 1024;
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
constexpr int kMostErrors = 64;  // at a time, from one socket
constexpr std::int64_t kShortestLook = 1'000'000;

}  // namespace

Datagrams::Datagrams(std::vector<net::Socket> sockets, const LoadOptions& options,
                     const std::atomic<bool>& stop, Tap* tap, Events events)
    : options_{options},
      stop_{stop},
      tap_{tap},
      events_{std::move(events)},
      peers_(sockets.size()),
      slots_(sockets.size() * options.in_flight),
      buffer_(kLargest + 1),
      outgoing_(options.size),
      busy_{sockets.size() - std::min(options.idle, sockets.size())} {
  result_.connections = sockets.size();
  for (std::size_t peer = 0; peer < sockets.size(); ++peer)
    peers_[peer].socket = std::move(sockets[peer]);
}

Result<std::unique_ptr<Datagrams>> Datagrams::on(std::vector<net::Socket> sockets,
                                                 const LoadOptions& options,
                                                 const std::atomic<bool>& stop, Tap* tap) {
  auto events = Events::open(std::min(kBatch, sockets.size()));
  if (!events) return std::unexpected(events.error());
  auto load =
      std::make_unique<Datagrams>(std::move(sockets), options, stop, tap, std::move(*events));
  for (std::size_t peer = 0; peer < load->peers_.size(); ++peer)
    if (const int added = load->events_.watch(load->peers_[peer].socket.descriptor(), peer,
                                              Events::kArrivals | EPOLLOUT);
        added < 0)
      return fail_errno("epoll_ctl", -added);
  return load;
}

void Datagrams::warm_up(const WarmUp& options) {
  budget_ = kEndless;
  now_ = sys::monotonic_ns();
  if (is_open_loop()) schedule_ = Schedule{now_, *options_.rate};
  if (options.time.count() > 0) loop(after(now_, options.time));
}

void Datagrams::run() {
  begin_window();
  const std::int64_t start = now_;
  loop(options_.duration ? after(start, *options_.duration) : kNever);
  result_.elapsed = std::chrono::nanoseconds{std::min(now_, end_) - start};
  result_.never_answered = static_cast<std::size_t>(std::count_if(
      peers_.begin(), peers_.begin() + static_cast<std::ptrdiff_t>(busy_),
      [this](const Peer& peer) { return !peer.answered && (!is_open_loop() || peer.due > 0); }));
  if (!is_open_loop()) return;
  result_.behind = outstanding_ + late_;
  for (const Peer& peer : peers_) result_.behind += peer.due - peer.begun;
}

void Datagrams::begin_window() {
  now_ = sys::monotonic_ns();
  result_.latency.clear();
  result_.messages = late_ = 0;
  result_.datagrams = DatagramCounts{.sent = outstanding_};
  for (Slot& slot : slots_) slot.begun = std::max(slot.begun, now_);
  for (Peer& peer : peers_) {
    peer.answered = false;
    peer.due = peer.begun = 0;
  }
  const std::uint64_t asked = options_.messages.value_or(kEndless);
  budget_ = asked - std::min(asked, outstanding_);
  next_ = 0;
  if (is_open_loop()) schedule_ = Schedule{now_, *options_.rate};
}

void Datagrams::loop(std::int64_t until) {
  end_ = until;
  for (std::size_t peer = 0; peer < busy_; ++peer) fill(peer);
  while (!is_over()) {
    std::int64_t wake = std::min(end_, next_look_);
    if (is_open_loop() && budget_ > 0) wake = std::min(wake, schedule_.due(next_));
    const auto events = events_.wait(wake - now_);
    now_ = sys::monotonic_ns();
    for (const epoll_event& event : events) receive(event.data.u64);
    if (now_ >= next_look_) {
      lose_overdue(now_ - options_.timeout.count());
      next_look_ = now_ + std::max(options_.timeout.count() / 16, kShortestLook);
    }
    if (is_open_loop()) hand_out();
    if (tap_ != nullptr) tap_->offer(result_.messages, result_.problems.total(), result_.latency);
  }
}

bool Datagrams::is_over() const noexcept {
  if (now_ >= end_ || stop_.load(std::memory_order_relaxed)) return true;
  return outstanding_ == 0 && budget_ == 0;
}

// What is under way is lost when the timeout has passed, or when we were interrupted: nothing.
void Datagrams::finish() {
  finishing_ = true;
  budget_ = 0;
  end_ = kNever;
  next_look_ = 0;
  const std::int64_t until = after(now_, options_.timeout + options_.timeout / 4);
  while (outstanding_ > 0 && now_ < until && !stop_) {
    const auto events = events_.wait(until - now_);
    now_ = sys::monotonic_ns();
    for (const epoll_event& event : events) receive(event.data.u64);
    lose_overdue(now_ - options_.timeout.count());
  }
  if (!stop_) lose_overdue(kNever);
}

void Datagrams::hand_out() {
  for (; schedule_.due(next_) <= now_ && schedule_.due(next_) < end_ && budget_ > 0; ++next_) {
    ++peers_[next_ % busy_].due;
    fill(next_ % busy_);
  }
}

// Sends what `peer` may send now.
void Datagrams::fill(std::size_t index) {
  Peer& peer = peers_[index];
  if (index >= busy_ || finishing_) return;
  while (peer.waiting < options_.in_flight && budget_ > 0 && now_ < end_) {
    if (is_open_loop() && peer.begun == peer.due) return;
    const std::size_t slot = peer.next_slot++ % options_.in_flight;  // mostly the one freed first
    if (slots_of(index)[slot].state == Slot::State::waiting) continue;
    if (!send_one(index, slot)) return;
  }
}

std::uint32_t Datagrams::place_of(std::size_t peer, std::uint32_t number) const noexcept {
  return Pattern::after(Pattern::start_of(options_.first + peer), std::size_t{number} * 257);
}

// False when the kernel has no room now: an event tells when there is.
bool Datagrams::send_one(std::size_t index, std::size_t place) {
  Peer& peer = peers_[index];
  Slot& slot = slots_of(index)[place];
  const std::uint32_t number = slot.number + 1;
  const auto name = static_cast<std::uint32_t>(place);
  std::memcpy(outgoing_.data(), &name, sizeof name);
  std::memcpy(outgoing_.data() + sizeof name, &number, sizeof number);
  const ByteView rest = pattern_.at(place_of(index, number), options_.size - kHeader);
  std::ranges::copy(rest, outgoing_.begin() + kHeader);
  const std::int64_t time = sys::monotonic_ns();
  const auto send = [&] {
    return sys::send(peer.socket.descriptor(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
  };
  ssize_t size = send();
  if (size < 0 && size != -EAGAIN) {
    // It may be the fate of an earlier datagram that is told here: "refused", by ICMP.
    if (size != -EINTR) result_.problems.add(problem_of_errno(static_cast<int>(-size)));
    size = send();
  }
  if (size == -EAGAIN || size == -ENOBUFS) return false;
  const std::uint32_t came = slot.state == Slot::State::answered ? 1 : 0;
  slot = {.number = number,
          .state = Slot::State::waiting,
          .answered = slot.answered << 1 | came,
          .begun = time,
          .sent = time};
  if (is_open_loop()) slot.begun = schedule_.due(peer.begun++ * busy_ + index);
  ++peer.waiting;
  ++outstanding_;
  ++result_.datagrams.sent;
  if (budget_ != kEndless) --budget_;
  return true;
}

void Datagrams::receive(std::size_t index) {
  for (int errors = 0; errors < kMostErrors;) {
    const ssize_t size =
        sys::recv(peers_[index].socket.descriptor(), buffer_.data(), buffer_.size(), 0);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) break;
    now_ = sys::monotonic_ns();
    if (size < 0) {
      result_.problems.add(problem_of_errno(static_cast<int>(-size)));
      ++errors;
      continue;  // one is told at a time; there may be datagrams behind it
    }
    take(index, {buffer_.data(), static_cast<std::size_t>(size)});
  }
  fill(index);
}

void Datagrams::take(std::size_t index, ByteView datagram) {
  std::uint32_t place = 0, number = 0;
  if (datagram.size() >= kHeader) {
    std::memcpy(&place, datagram.data(), sizeof place);
    std::memcpy(&number, datagram.data() + sizeof place, sizeof number);
  }
  const bool known = datagram.size() == options_.size && place < options_.in_flight &&
                     number != 0 && number <= slots_of(index)[place].number;
  if (!known) {
    ++result_.datagrams.foreign;
    return result_.problems.add(Problem::surplus);
  }
  Slot& slot = slots_of(index)[place];
  if (number < slot.number || slot.state != Slot::State::waiting) return take_again(slot, number);
  if (options_.verify && !is_as_sent(index, number, datagram))
    result_.problems.add(Problem::corrupt);
  slot.state = Slot::State::answered;
  --peers_[index].waiting;
  --outstanding_;
  if (finishing_ || (now_ > end_ && !is_open_loop())) return;
  if (now_ > end_) {  // it was due within the window all the same
    ++late_;
    return result_.latency.record(static_cast<std::uint64_t>(now_ - slot.begun));
  }
  peers_[index].answered = true;
  ++result_.messages;
  result_.latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now_ - slot.begun, 0)));
}

// An answer to what was answered before, or given up. The second copy may also meet the datagram
// that took the place of its own; one from so long ago that nobody remembers was late in any case.
void Datagrams::take_again(Slot& slot, std::uint32_t number) {
  constexpr std::uint32_t kRemembered = 32;
  if (number == slot.number) {
    const bool was_lost = slot.state == Slot::State::lost;
    if (was_lost) slot.state = Slot::State::answered;
    ++(was_lost ? result_.datagrams.late : result_.datagrams.repeated);
    return;
  }
  const std::uint32_t ago = slot.number - 1 - number;
  const std::uint32_t bit = ago < kRemembered ? std::uint32_t{1} << ago : 0;
  ++((slot.answered & bit) != 0 ? result_.datagrams.repeated : result_.datagrams.late);
  slot.answered |= bit;
}

bool Datagrams::is_as_sent(std::size_t index, std::uint32_t number, ByteView datagram) const {
  const ByteView sent = pattern_.at(place_of(index, number), options_.size - kHeader);
  return std::ranges::equal(sent, datagram.subspan(kHeader));
}

void Datagrams::lose_overdue(std::int64_t sent_before) {
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    if (peers_[index].waiting == 0) continue;
    for (std::size_t place = 0; place < options_.in_flight; ++place) {
      Slot& slot = slots_of(index)[place];
      if (slot.state != Slot::State::waiting || slot.sent > sent_before) continue;
      slot.state = Slot::State::lost;
      --peers_[index].waiting;
      --outstanding_;
      result_.problems.add(Problem::lost);
    }
    fill(index);
  }
}

}  // namespace headrace::bench
