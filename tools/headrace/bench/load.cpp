// SPDX-License-Identifier: MIT
//
// The load's loop over epoll(7), edge-triggered: one epoll_wait for many answers, then one recv and
// one send for each.
//
// The clock is read once an answer, between its recv and the send of the next message: a latency
// runs from just before a send to just after the recv that completes the answer. What an answer
// waits in our own queue is part of it, as it is for any client that is busy. A reading costs 26 ns
// against about 4 us for the two system calls.
#include "bench/load.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>

#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kBatch = 1024;  // events taken from the kernel at once
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kGlance = 50 * kMillisecond;     // how late `stop` may be noticed
constexpr std::int64_t kFarewell = 500 * kMillisecond;  // wait for the server's FIN
constexpr std::uint32_t kArrivals = EPOLLIN | EPOLLRDHUP | EPOLLET;

Problem problem_of_errno(int error) noexcept { return problem_of(Failure::from_errno("", error)); }

}  // namespace

Load::Load(std::vector<net::Socket> sockets, const LoadOptions& options,
           const std::atomic<bool>& stop, net::Socket interest_list)
    : options_{options},
      stop_{stop},
      interest_list_{std::move(interest_list)},
      connections_(sockets.size()),
      begun_(sockets.size() * options.in_flight),
      buffer_(Pattern::kLongest),
      events_(std::min(kBatch, sockets.size())),
      budget_{options.messages.value_or(std::numeric_limits<std::uint64_t>::max())},
      open_{sockets.size()} {
  result_.connections = sockets.size();
  for (std::size_t index = 0; index < sockets.size(); ++index) {
    Connection& connection = connections_[index];
    connection.socket = std::move(sockets[index]);
    connection.send_place = connection.receive_place = Pattern::start_of(index);
    connection.unanswered = options.size;
  }
}

Result<Load> Load::on(std::vector<net::Socket> sockets, const LoadOptions& options,
                      const std::atomic<bool>& stop) {
  assert(!sockets.empty() && options.size > 0 && options.in_flight > 0);
  net::Socket interest_list{sys::epoll_create1(EPOLL_CLOEXEC)};
  if (!interest_list.is_open()) return fail_errno("epoll_create1", -interest_list.descriptor());
  Load load{std::move(sockets), options, stop, std::move(interest_list)};
  if (auto watched = load.watch_all(); !watched) return std::unexpected(watched.error());
  return load;
}

Result<void> Load::watch_all() {
  for (std::size_t index = 0; index < connections_.size(); ++index) {
    epoll_event event{.events = kArrivals, .data = {.u64 = index}};
    const int added = sys::epoll_ctl(interest_list_.descriptor(), EPOLL_CTL_ADD,
                                     connections_[index].socket.descriptor(), &event);
    if (added < 0) return fail_errno("epoll_ctl", -added);
  }
  return {};
}

void Load::run() {
  const std::int64_t start = now_ = last_news_ = sys::monotonic_ns();
  if (options_.duration) end_ = start + std::min(options_.duration->count(), kNever - start);
  for (Connection& connection : connections_) {
    now_ = sys::monotonic_ns();
    turn(connection, 0);
  }
  if (makes_way())  // connections that were left nothing to send
    for (Connection& connection : connections_) turn(connection, 0);
  while (!is_over()) wait(end_);
  const bool silent = is_silent();
  const std::int64_t over = silent && result_.messages > 0 ? last_news_ : std::min(now_, end_);
  result_.elapsed = std::chrono::nanoseconds{over - start};
  result_.never_answered = static_cast<std::size_t>(std::ranges::count_if(
      connections_, [](const Connection& connection) { return !connection.answered; }));
  if (silent) give_up();
}

bool Load::is_over() const noexcept {
  if (now_ >= end_ || open_ == 0 || stop_.load(std::memory_order_relaxed)) return true;
  if (outstanding_ == 0) return true;  // only when `budget_` is used up
  return is_silent();
}

bool Load::is_silent() const noexcept {
  return end_ == kNever && outstanding_ > 0 && open_ > 0 &&
         now_ - last_news_ > options_.timeout.count();
}

// A server that serves few at once gets to the others when those few leave: whoever has nothing
// more to ask does so before the end, while somebody has never been answered.
bool Load::makes_way() const noexcept { return budget_ == 0 && unheard_ > 0; }

void Load::give_up() {
  for (Connection& connection : connections_) {
    if (!connection.socket.is_open() || connection.in_flight == 0) continue;
    result_.problems.add(Problem::missing, connection.in_flight);
    outstanding_ -= connection.in_flight;
    close(connection);
  }
}

void Load::finish() {
  finishing_ = true;
  budget_ = 0;
  last_news_ = now_ = sys::monotonic_ns();
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
  const std::int64_t room = std::clamp<std::int64_t>(until - now_, 0, kGlance);
  const int milliseconds = static_cast<int>((room + kMillisecond - 1) / kMillisecond);
  const int count = sys::epoll_wait(interest_list_.descriptor(), events_.data(),
                                    static_cast<int>(events_.size()), milliseconds);
  now_ = sys::monotonic_ns();
  if (count <= 0) return;  // EINTR: the caller looks at `stop_`
  last_news_ = now_;
  for (int index = 0; index < count; ++index) {
    const epoll_event& event = events_[static_cast<std::size_t>(index)];
    turn(connections_[event.data.u64], event.events);
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
  result_.first_corruption = {index_of(connection), connection.received + wrong, sent[wrong],
                              bytes[wrong]};
}

void Load::answered(Connection& connection) {
  const std::size_t slot = index_of(connection) * options_.in_flight + connection.oldest;
  if (now_ <= end_ && !finishing_) {
    result_.latency.record(static_cast<std::uint64_t>(now_ - begun_[slot]));
    ++result_.messages;
    if (!std::exchange(connection.answered, true)) --unheard_;
  }
  if (++connection.oldest == options_.in_flight) connection.oldest = 0;
  connection.unanswered = options_.size;
  connection.corrupt = false;
  --connection.in_flight;
  --outstanding_;
}

void Load::begin_messages(Connection& connection) {
  if (now_ >= end_) return;
  if (budget_ > 0 && connection.in_flight == 0 && !connection.answered) ++unheard_;
  std::int64_t* const times = &begun_[index_of(connection) * options_.in_flight];
  while (connection.in_flight < options_.in_flight && budget_ > 0) {
    std::size_t slot = connection.oldest + connection.in_flight;
    if (slot >= options_.in_flight) slot -= options_.in_flight;
    times[slot] = now_;
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
  epoll_event event{.events = kArrivals | EPOLLOUT, .data = {.u64 = index_of(connection)}};
  const int changed = sys::epoll_ctl(interest_list_.descriptor(), EPOLL_CTL_MOD,
                                     connection.socket.descriptor(), &event);
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
}

}  // namespace headrace::bench
