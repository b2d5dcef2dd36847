// SPDX-License-Identifier: MIT
//
// The load's loop over epoll(7), edge-triggered: one wait for many answers, then one recv and one
// send for each.
//
// The clock is read once an answer, between its recv and the send of the next message: a latency
// runs from just before a send (open loop: from when the message was due) to just after the recv
// that completes the answer. What an answer waits in our own queue is part of it, as it is for any
// client that is busy. A reading costs 26 ns against about 4 us for the two system calls.
#include "bench/load.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kBatch = 1024;             // events taken from the kernel at once
constexpr std::int64_t kFarewell = 500'000'000;  // wait for the server's FIN
constexpr std::int64_t kForTheFirst = 10'000'000'000;
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Load::Load(std::vector<net::Socket> sockets, const LoadOptions& options,
           const std::atomic<bool>& stop, Tap* tap, Events events)
    : options_{options},
      stop_{stop},
      tap_{tap},
      events_{std::move(events)},
      connections_(sockets.size()),
      begun_(sockets.size() * options.in_flight),
      debts_(options.rate ? sockets.size() : 0),
      buffer_(Pattern::kLongest),
      busy_{sockets.size() - std::min(options.idle, sockets.size())},
      open_{sockets.size()},
      busy_open_{busy_} {
  result_.connections = sockets.size();
  for (std::size_t index = 0; index < sockets.size(); ++index) {
    Connection& connection = connections_[index];
    connection.socket = std::move(sockets[index]);
    connection.send_place = connection.receive_place = Pattern::start_of(options.first + index);
    connection.unanswered = options.size;
  }
}

Result<std::unique_ptr<Load>> Load::on(std::vector<net::Socket> sockets, const LoadOptions& options,
                                       const std::atomic<bool>& stop, Tap* tap) {
  assert(!sockets.empty() && options.size > 0 && options.in_flight > 0);
  auto events = Events::open(std::min(kBatch, sockets.size()));
  if (!events) return std::unexpected(events.error());
  auto load = std::make_unique<Load>(std::move(sockets), options, stop, tap, std::move(*events));
  if (auto watched = load->watch_all(); !watched) return std::unexpected(watched.error());
  return load;
}

Result<void> Load::watch_all() {
  for (std::size_t index = 0; index < connections_.size(); ++index)
    if (const int added =
            events_.watch(connections_[index].socket.descriptor(), index, Events::kArrivals);
        added < 0)
      return fail_errno("epoll_ctl", -added);
  return {};
}

void Load::warm_up(const WarmUp& options) {
  budget_ = kEndless;
  const std::int64_t start = now_ = last_news_ = sys::monotonic_ns();
  if (is_open_loop()) schedule_ = Schedule{start, *options_.rate};
  if (options.time.count() > 0) loop(after(start, options.time));
  settle(options.quiet.count());
}

// Goes on until all were served, or for `quiet` nobody new was (on a busy machine the first takes
// longer). Without an end of its own: an answer behind it would not count as one.
void Load::settle(std::int64_t quiet) {
  if (quiet == 0) return;
  end_ = kNever;
  for (Connection& connection : connections_) turn(connection, 0);
  std::int64_t last_new = now_;
  std::size_t waiting = unheard_;
  while (unheard_ > 0 && busy_open_ > 0 && !stop_) {
    const std::int64_t patience = result_.messages > 0 ? quiet : std::max(quiet, kForTheFirst);
    if (now_ - last_new >= patience) break;
    wait(last_new + patience);
    if (is_open_loop()) hand_out();
    if (unheard_ < waiting) last_new = now_;
    waiting = unheard_;
  }
}

void Load::run() {
  begin_window();
  const std::int64_t start = now_;
  loop(options_.duration ? after(start, *options_.duration) : kNever);
  end_window(start);
}

// Forgets the warm-up. What is under way counts from now on: meanwhile others may have measured
// something, for which everything stood still.
void Load::begin_window() {
  now_ = last_news_ = sys::monotonic_ns();
  result_.latency.clear();
  result_.messages = result_.behind = 0;
  unheard_ = 0;
  for (std::int64_t& begun : begun_) begun = now_;
  for (Connection& connection : connections_) {
    connection.answered = false;
    if (connection.in_flight > 0) ++unheard_;
  }
  const std::uint64_t asked = options_.messages.value_or(kEndless);
  budget_ = asked - std::min(asked, outstanding_);
  std::ranges::fill(debts_, Debt{});
  next_ = 0;
  if (is_open_loop()) schedule_ = Schedule{now_, *options_.rate};
}

void Load::loop(std::int64_t until) {
  end_ = until;
  for (Connection& connection : connections_) {
    now_ = sys::monotonic_ns();
    turn(connection, 0);
  }
  if (makes_way())  // connections that were left nothing to send
    for (Connection& connection : connections_) turn(connection, 0);
  while (!is_over()) {
    wait(is_open_loop() && budget_ > 0 ? std::min(end_, schedule_.due(next_)) : end_);
    if (is_open_loop()) hand_out();
    if (tap_ != nullptr) tap_->offer(result_.messages, result_.problems.total(), result_.latency);
  }
}

void Load::end_window(std::int64_t start) {
  const bool silent = is_silent();
  const std::int64_t over = silent && result_.messages > 0 ? last_news_ : std::min(now_, end_);
  result_.elapsed = std::chrono::nanoseconds{over - start};
  if (is_open_loop()) count_what_is_due(over);
  result_.never_answered = static_cast<std::size_t>(
      std::ranges::count_if(connections_, [this](const Connection& connection) {
        if (is_idle(connection)) return false;
        if (options_.leaves_waiting) return !connection.served;
        return !connection.answered && (!is_open_loop() || debts_[index_of(connection)].due > 0);
      }));
  if (silent) give_up();
}

// A message that was due and has no answer yet has waited, too: a server that stalls until the end
// must not look better than one that stalls before it. Its time so far counts where it is above the
// median: the few that were simply under way would pull that down.
void Load::count_what_is_due(std::int64_t over) {
  const std::uint64_t median = result_.latency.quantile(0.5);
  const auto count = [&](std::int64_t begun) {
    ++result_.behind;
    const auto waited = static_cast<std::uint64_t>(std::max<std::int64_t>(over - begun, 0));
    if (waited > median && result_.messages > 0) result_.latency.record(waited);
  };
  for (const Connection& connection : connections_) {
    const std::size_t index = index_of(connection);
    if (!connection.socket.is_open()) continue;
    for (std::size_t nth = 0; nth < connection.in_flight; ++nth)
      count(begun_[index * options_.in_flight + (connection.oldest + nth) % options_.in_flight]);
    for (std::uint64_t nth = debts_[index].begun; nth < debts_[index].due; ++nth)
      count(schedule_.due(nth * busy_ + index));
  }
}

bool Load::is_over() const noexcept {
  if (now_ >= end_ || busy_open_ == 0 || stop_.load(std::memory_order_relaxed)) return true;
  if (outstanding_ == 0 && budget_ == 0) return true;
  if (options_.messages && result_.messages >= *options_.messages && end_ == kNever) return true;
  return is_silent();
}

bool Load::is_silent() const noexcept {
  return end_ == kNever && outstanding_ > 0 && busy_open_ > 0 &&
         now_ - last_news_ > options_.timeout.count();
}

// A server that serves few at once gets to the others when those few leave: whoever has nothing
// more to ask does so before the end, while somebody has never been answered.
bool Load::makes_way() const noexcept {
  return budget_ == 0 && (unheard_ > 0 || options_.makes_way);
}

void Load::give_up() {
  for (Connection& connection : connections_) {
    if (!connection.socket.is_open() || connection.in_flight == 0) continue;
    result_.problems.add(Problem::missing, connection.in_flight);
    outstanding_ -= connection.in_flight;
    close(connection);
  }
}

void Load::leave_waiting() {
  for (Connection& connection : connections_) {
    if (!connection.socket.is_open() || connection.served || is_idle(connection)) continue;
    outstanding_ -= connection.in_flight;
    close(connection);
  }
}

void Load::finish() {
  finishing_ = true;
  budget_ = 0;
  end_ = kNever;
  last_news_ = now_ = sys::monotonic_ns();
  if (options_.leaves_waiting) leave_waiting();
  for (Connection& connection : connections_) turn(connection, 0);
  while (open_ > 0) {
    const bool patient = outstanding_ > 0 && !stop_.load(std::memory_order_relaxed);
    const std::int64_t until = last_news_ + (patient ? options_.timeout.count() : kFarewell);
    if (now_ >= until) break;
    wait(until);
  }
  // An interrupted run asked for no answer to the last messages.
  if (!stop_.load(std::memory_order_relaxed)) result_.problems.add(Problem::missing, outstanding_);
  for (Connection& connection : connections_)
    if (connection.socket.is_open()) close(connection);
}

void Load::wait(std::int64_t until) {
  const auto events = events_.wait(until - now_);
  now_ = sys::monotonic_ns();
  if (events.empty()) return;
  last_news_ = now_;
  for (const epoll_event& event : events) turn(connections_[event.data.u64], event.events);
}

// Messages that have come due, each to the connection whose turn it is.
void Load::hand_out() {
  for (; schedule_.due(next_) <= now_ && schedule_.due(next_) < end_ && budget_ > 0; ++next_) {
    Connection& connection = connections_[next_ % busy_];
    if (!connection.socket.is_open()) continue;
    if (outstanding_ == 0) last_news_ = now_;  // silence begins with a question
    ++debts_[next_ % busy_].due;
    turn(connection, 0);
  }
}

void Load::turn(Connection& connection, std::uint32_t events) {
  if (!connection.socket.is_open()) return;
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0 && !receive(connection, events)) return;
  begin_messages(connection);
  if (connection.unsent > 0) return flush(connection);
  if (connection.in_flight == 0 && (finishing_ || makes_way())) half_close(connection);
}

// False when the connection is gone.
bool Load::receive(Connection& connection, std::uint32_t events) {
  // A short read means that nothing is left, which saves the call that would say so. Not when FIN,
  // RST or urgent data came on the same edge: they cut a read short as well.
  const bool is_plain = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) == 0;
  for (;;) {
    const ssize_t size =
        sys::recv(connection.socket.descriptor(), buffer_.data(), buffer_.size(), 0);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return true;
    if (size <= 0) return ended(connection, static_cast<int>(-size)), false;
    const auto length = static_cast<std::size_t>(size);
    if (!take(connection, {buffer_.data(), length})) return false;
    if (is_plain && length < buffer_.size()) return true;
  }
}

// Counts the answers that `bytes` complete. False when the connection is gone.
bool Load::take(Connection& connection, ByteView bytes) {
  if (bytes.size() > connection.unechoed) return lose(connection, Problem::surplus), false;
  connection.unechoed -= bytes.size();
  if (bytes.size() >= connection.unanswered) now_ = sys::monotonic_ns();
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min<std::uint64_t>(bytes.size(), connection.unanswered));
    if (options_.verify) check(connection, part);
    connection.received += part.size();
    connection.unanswered -= part.size();
    if (connection.unanswered == 0) answered(connection);
    bytes = bytes.subspan(part.size());
  }
  return true;
}

// Compares bytes of one message with what was sent.
void Load::check(Connection& connection, ByteView bytes) {
  const ByteView sent = pattern_.at(connection.receive_place, bytes.size());
  connection.receive_place = Pattern::after(connection.receive_place, bytes.size());
  if (std::memcmp(sent.data(), bytes.data(), bytes.size()) == 0) return;
  if (!connection.corrupt) result_.problems.add(Problem::corrupt);
  connection.corrupt = true;
  if (result_.first_corruption) return;
  const auto wrong =
      static_cast<std::size_t>(std::ranges::mismatch(sent, bytes).in1 - sent.begin());
  result_.first_corruption = {options_.first + index_of(connection), connection.received + wrong,
                              sent[wrong], bytes[wrong]};
}

void Load::answered(Connection& connection) {
  const std::size_t slot = index_of(connection) * options_.in_flight + connection.oldest;
  if (now_ <= end_ && !finishing_) {
    result_.latency.record(static_cast<std::uint64_t>(now_ - begun_[slot]));
    ++result_.messages;
    if (!std::exchange(connection.answered, true)) --unheard_;
    connection.served = true;
  } else if (is_open_loop() && !finishing_) {  // it was due within the window all the same
    result_.latency.record(static_cast<std::uint64_t>(now_ - begun_[slot]));
    ++result_.behind;
  }
  if (++connection.oldest == options_.in_flight) connection.oldest = 0;
  connection.unanswered = options_.size;
  connection.corrupt = false;
  --connection.in_flight;
  --outstanding_;
}

bool Load::may_begin(const Connection& connection) const noexcept {
  if (budget_ == 0 || connection.in_flight == options_.in_flight || is_idle(connection))
    return false;
  if (!is_open_loop()) return true;
  const Debt& debt = debts_[index_of(connection)];
  return debt.begun < debt.due;
}

// When the next message of `connection` is said to begin.
std::int64_t Load::begin_time(const Connection& connection) noexcept {
  if (!is_open_loop()) return now_;
  const std::size_t index = index_of(connection);
  return schedule_.due(debts_[index].begun++ * busy_ + index);
}

void Load::begin_messages(Connection& connection) {
  if (now_ >= end_) return;
  std::int64_t* const times = &begun_[index_of(connection) * options_.in_flight];
  while (may_begin(connection)) {
    if (connection.in_flight == 0 && !connection.answered) ++unheard_;
    std::size_t slot = connection.oldest + connection.in_flight;
    if (slot >= options_.in_flight) slot -= options_.in_flight;
    times[slot] = begin_time(connection);
    connection.unsent += options_.size;
    ++connection.in_flight;
    ++outstanding_;
    --budget_;
  }
}

void Load::flush(Connection& connection) {
  while (connection.unsent > 0) {
    const ByteView bytes = pattern_.at(
        connection.send_place, std::min<std::uint64_t>(connection.unsent, Pattern::kLongest));
    const ssize_t size =
        sys::send(connection.socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return watch_room(connection);
    if (size < 0) return lose(connection, problem_of_errno(static_cast<int>(-size)));
    const auto length = static_cast<std::size_t>(size);
    connection.send_place = Pattern::after(connection.send_place, length);
    connection.unsent -= length;
    connection.unechoed += length;
  }
}

// From the first full buffer on. Never before: a Unix socket reports room after every message.
void Load::watch_room(Connection& connection) {
  if (connection.watches_room) return;
  const int changed = events_.change(connection.socket.descriptor(), index_of(connection),
                                     Events::kArrivals | EPOLLOUT);
  if (changed < 0) return lose(connection, problem_of_errno(-changed));
  connection.watches_room = true;
}

void Load::half_close(Connection& connection) {
  if (std::exchange(connection.half_closed, true)) return;
  const int sent = sys::shutdown(connection.socket.descriptor(), SHUT_WR);
  if (sent < 0) close(connection);  // ENOTCONN: the server has closed both ways
}

// The server's FIN, with `error` 0, or what recv failed with.
void Load::ended(Connection& connection, int error) {
  if (connection.half_closed) return close(connection);  // everything was answered: any end will do
  lose(connection, error == 0 ? Problem::closed : problem_of_errno(error));
}

void Load::lose(Connection& connection, Problem problem) {
  result_.problems.add(problem);
  outstanding_ -= connection.in_flight;
  if (connection.in_flight > 0 && !connection.answered) --unheard_;
  close(connection);
}

// Also takes it out of the interest list; at most one event a batch names it.
void Load::close(Connection& connection) {
  connection.socket = net::Socket{};
  --open_;
  if (!is_idle(connection)) --busy_open_;
}

}  // namespace headrace::bench
