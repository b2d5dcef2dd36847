// SPDX-License-Identifier: MIT
//
// The churn's loop: connect(2), send and recv until the last answer, close(2), and again. Closing
// at once leaves TIME_WAIT to us and FIN to the server.
//
// A connection that is refused or finds no free port is tried again after a moment, and counted.
#include "bench/churn.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/targets.hpp"
#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kBatch = 1024;
constexpr std::int64_t kPause = 10'000'000;  // before a connection that failed is tried again
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Churn::Churn(const net::SocketAddress& target, std::size_t slots, const LoadOptions& options,
             const std::atomic<bool>& stop, Tap* tap, Events events)
    : target_{target},
      options_{options},
      stop_{stop},
      tap_{tap},
      events_{std::move(events)},
      slots_(slots),
      buffer_(Pattern::kLongest),
      budget_{kEndless} {
  result_.connections = slots;
}

Result<std::unique_ptr<Churn>> Churn::to(const net::SocketAddress& target, std::size_t slots,
                                         const LoadOptions& options, const std::atomic<bool>& stop,
                                         Tap* tap) {
  auto events = Events::open(std::min(kBatch, slots));
  if (!events) return std::unexpected(events.error());
  return std::make_unique<Churn>(target, slots, options, stop, tap, std::move(*events));
}

void Churn::warm_up(const WarmUp& options) {
  now_ = sys::monotonic_ns();
  if (options.time.count() > 0) loop(after(now_, options.time));
}

void Churn::run() {
  now_ = sys::monotonic_ns();
  const std::int64_t start = now_;
  result_.latency.clear();
  result_.messages = result_.opened = result_.served = 0;
  budget_ = options_.messages.value_or(kEndless);
  for (Slot& slot : slots_) slot.ever_served = false;
  loop(options_.duration ? after(start, *options_.duration) : kNever);
  result_.elapsed = std::chrono::nanoseconds{std::min(now_, end_) - start};
  result_.never_answered = static_cast<std::size_t>(std::ranges::count_if(
      slots_, [](const Slot& slot) { return slot.socket.is_open() && !slot.ever_served; }));
}

// What is under way was not asked for within the window: it is left.
void Churn::finish() {
  for (Slot& slot : slots_)
    if (slot.socket.is_open()) close(slot);
}

void Churn::loop(std::int64_t until) {
  end_ = until;
  last_news_ = now_;
  while (!is_over()) {
    open_where_due();
    const auto events = events_.wait(std::min(end_ - now_, kPause));
    now_ = sys::monotonic_ns();
    for (const epoll_event& event : events) {
      Slot& slot = slots_[static_cast<std::uint32_t>(event.data.u64)];
      if (key_of(slot) == event.data.u64) turn(slot, event.events);
    }
    if (now_ >= next_look_) lose_silent();
    if (tap_ != nullptr) tap_->offer(result_.served, result_.problems.total(), result_.latency);
  }
}

bool Churn::is_over() const noexcept {
  if (now_ >= end_ || stop_.load(std::memory_order_relaxed)) return true;
  if (budget_ == 0 && open_ == 0) return true;
  return end_ == kNever && now_ - last_news_ > options_.timeout.count();
}

void Churn::open_where_due() {
  if (open_ == slots_.size()) return;
  for (Slot& slot : slots_)
    if (!slot.socket.is_open() && budget_ > 0 && now_ >= slot.not_before) open(slot);
}

void Churn::open(Slot& slot) {
  const std::uint64_t number = number_++;
  slot.began = slot.moved = sys::monotonic_ns();
  auto socket = begin_connection(target_, Origins::many, number);
  ++slot.generation;
  if (socket) {
    const int watched =
        events_.watch(socket->descriptor(), key_of(slot), Events::kArrivals | EPOLLOUT);
    if (watched < 0) socket = fail_errno("epoll_ctl", -watched);
  }
  if (!socket) {
    // A Unix socket whose backlog is full says EAGAIN: that is waiting, and no failure.
    if (socket.error().error != EAGAIN) result_.problems.add(problem_of(socket.error()));
    slot.not_before = now_ + (socket.error().error == EAGAIN ? kPause / 100 : kPause);
    return;
  }
  slot.socket = std::move(*socket);
  slot.connected = slot.corrupt = false;
  slot.answered = 0;
  slot.send_place = slot.receive_place = Pattern::start_of(options_.first + number);
  ++open_;
  slot.quota = std::min(options_.churn, budget_);
  if (budget_ != kEndless) budget_ -= slot.quota;
  begin_message(slot);
}

void Churn::turn(Slot& slot, std::uint32_t events) {
  if (!slot.connected) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    int error = 0;
    socklen_t length = sizeof error;
    const int asked =
        sys::getsockopt(slot.socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (asked < 0) error = -asked;
    if (error != 0) return lose(slot, problem_of_errno(error));
    slot.connected = true;
    ++result_.opened;
  }
  const std::uint32_t generation = slot.generation;
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) receive(slot);
  if (slot.generation == generation && slot.socket.is_open()) flush(slot);
}

void Churn::begin_message(Slot& slot) { slot.unsent = slot.unreceived = options_.size; }

void Churn::flush(Slot& slot) {
  while (slot.unsent > 0) {
    const ByteView bytes = pattern_.at(slot.send_place, std::min(slot.unsent, Pattern::kLongest));
    const ssize_t size =
        sys::send(slot.socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return;  // an event tells when there is room
    if (size < 0) return lose(slot, problem_of_errno(static_cast<int>(-size)));
    slot.send_place = Pattern::after(slot.send_place, static_cast<std::size_t>(size));
    slot.unsent -= static_cast<std::size_t>(size);
  }
}

// Until nothing is there, or the connection has done its work.
void Churn::receive(Slot& slot) {
  while (slot.socket.is_open()) {
    const ssize_t size = sys::recv(slot.socket.descriptor(), buffer_.data(), buffer_.size(), 0);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return;
    if (size == 0) return lose(slot, Problem::closed);
    if (size < 0) return lose(slot, problem_of_errno(static_cast<int>(-size)));
    slot.moved = last_news_ = now_ = sys::monotonic_ns();
    if (!take(slot, {buffer_.data(), static_cast<std::size_t>(size)})) return;
  }
}

// False when the connection is gone.
bool Churn::take(Slot& slot, ByteView bytes) {
  if (bytes.size() > slot.unreceived) return lose(slot, Problem::surplus), false;
  if (options_.verify) check(slot, bytes);
  slot.receive_place = Pattern::after(slot.receive_place, bytes.size());
  slot.unreceived -= bytes.size();
  if (slot.unreceived > 0) return true;
  slot.corrupt = false;
  ++slot.answered;
  if (now_ <= end_) ++result_.messages;
  if (slot.answered == slot.quota) return served(slot), false;
  begin_message(slot);
  flush(slot);
  return slot.socket.is_open();
}

void Churn::check(Slot& slot, ByteView bytes) {
  const ByteView sent = pattern_.at(slot.receive_place, bytes.size());
  if (std::memcmp(sent.data(), bytes.data(), bytes.size()) == 0) return;
  if (!std::exchange(slot.corrupt, true)) result_.problems.add(Problem::corrupt);
  if (result_.first_corruption) return;
  const auto wrong =
      static_cast<std::size_t>(std::ranges::mismatch(sent, bytes).in1 - sent.begin());
  const std::uint64_t before = slot.answered * options_.size + (options_.size - slot.unreceived);
  result_.first_corruption = {index_of(slot), before + wrong, sent[wrong], bytes[wrong]};
}

void Churn::served(Slot& slot) {
  if (now_ <= end_) {
    result_.latency.record(static_cast<std::uint64_t>(now_ - slot.began));
    ++result_.served;
    slot.ever_served = true;
  }
  close(slot);
}

void Churn::lose(Slot& slot, Problem problem) {
  result_.problems.add(problem);
  slot.not_before = now_ + kPause;
  close(slot);
}

void Churn::close(Slot& slot) {
  slot.socket = net::Socket{};
  --open_;
}

// Whoever has heard nothing for `timeout`; looked for now and then.
void Churn::lose_silent() {
  next_look_ = now_ + std::max<std::int64_t>(options_.timeout.count() / 8, 1'000'000);
  for (Slot& slot : slots_) {
    if (!slot.socket.is_open() || now_ - slot.moved <= options_.timeout.count()) continue;
    if (options_.leaves_waiting && !slot.ever_served) continue;
    lose(slot, slot.connected ? Problem::missing : Problem::timed_out);
  }
}

}  // namespace headrace::bench
