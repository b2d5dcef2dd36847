// SPDX-License-Identifier: MIT
//
// With 100,000 sockets nobody scrolls to the last: only kMostKept are kept, chosen as they come in
// by cutting the list at its kMostKept-th whenever it has doubled.
#include "watch/table.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "watch/diagram.hpp"
#include "watch/words.hpp"

namespace headrace::watch {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostKept = 2000;
constexpr std::size_t kWide = 118;  // columns from which a timer, a queue and a name stand whole

constexpr std::array<std::string_view, kOrders> kOrderNames{
    "state", "age", "queues", "retransmits", "rtt", "timer", "owner", "address"};

// From left to right; the owner has what is left.
struct Columns {
  std::size_t state, local, remote, age, queue, retransmits, rtt, timer;
};
constexpr Columns kNarrow{12, 6, 16, 5, 4, 2, 5, 9};  // of the local end only the port
constexpr Columns kBroad{12, 21, 21, 6, 6, 4, 6, 23};

// A screen of IPv6 takes more room for addresses where there is any.
Columns columns_for(const Canvas& canvas) {
  if (canvas.columns() < kWide) return kNarrow;
  Columns columns = kBroad;
  const std::size_t more = std::min<std::size_t>((canvas.columns() - kWide) / 3, 26);
  columns.local += more;
  columns.remote += more;
  return columns;
}

// The end of it says more than its beginning: the port.
std::string end_of(const TcpEndpoint& end, std::size_t width) {
  const std::string text{TcpEndpointText{end}.view()};
  return text.size() <= width ? text : "…" + text.substr(text.size() - width + 1);
}

std::uint32_t retransmits_of(const TcpSocket& socket) {
  return std::max<std::uint32_t>(socket.tries, socket.details ? socket.details->retransmits : 0);
}

std::int64_t rtt_of(const TcpSocket& socket) {
  return socket.details ? socket.details->rtt.count() : 0;
}

// States in the order of their life, but what is over last.
unsigned rank_of(TcpState state) { return static_cast<unsigned>(state); }

Style queue_style(std::uint32_t queued) { return queued == 0 ? Style::dim : Style::warn; }

}  // namespace

std::string_view to_text(Order order) noexcept {
  return kOrderNames[static_cast<std::size_t>(order)];
}

void Table::set_order(Order order, bool reversed) noexcept {
  order_ = order;
  reversed_ = reversed;
  end();
}

bool Table::before(const TcpSighting& one, const TcpSighting& other) const {
  const auto& [a, b] = std::tie(reversed_ ? other : one, reversed_ ? one : other);
  const TcpSocket& x = a.socket;
  const TcpSocket& y = b.socket;
  const auto ends = [](const TcpSocket& socket) { return std::tie(socket.local, socket.remote); };
  switch (order_) {
    case Order::state:
      return std::tuple{rank_of(x.state), a.age, ends(x)} <
             std::tuple{rank_of(y.state), b.age, ends(y)};
    case Order::age:
      return std::tuple{a.age, ends(x)} < std::tuple{b.age, ends(y)};
    case Order::queues:
      return std::uint64_t{x.receive_queue} + x.send_queue >
             std::uint64_t{y.receive_queue} + y.send_queue;
    case Order::retransmits:
      return retransmits_of(x) > retransmits_of(y);
    case Order::rtt:
      return rtt_of(x) > rtt_of(y);
    case Order::timer:
      return std::tuple{x.timer == TcpTimer::none, x.timer_remaining} <
             std::tuple{y.timer == TcpTimer::none, y.timer_remaining};
    case Order::owner:
      return std::tuple{x.owner.pid == 0, x.owner.name(), x.owner.pid} <
             std::tuple{y.owner.pid == 0, y.owner.name(), y.owner.pid};
    case Order::address:
      break;
  }
  return ends(x) < ends(y);
}

void Table::begin() {
  listeners_.clear();
  connections_.clear();
  connections_count_ = 0;
}

void Table::add(const TcpSighting& row) {
  if (row.socket.state == TcpState::listen) {
    listeners_.push_back(row);
    return;
  }
  ++connections_count_;
  connections_.push_back(row);
  if (connections_.size() == 2 * kMostKept) cut_to(kMostKept);
}

void Table::cut_to(std::size_t count) {
  if (connections_.size() <= count) return;
  const auto last = connections_.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(connections_, last,
                           [this](const auto& a, const auto& b) { return before(a, b); });
  connections_.erase(last, connections_.end());
}

void Table::end() {
  cut_to(kMostKept);
  std::ranges::sort(connections_, [this](const auto& a, const auto& b) { return before(a, b); });
  std::ranges::sort(listeners_, {}, [](const TcpSighting& row) {
    return std::tuple{row.socket.local.port, row.socket.local.host, row.socket.cookie};
  });
}

void Table::draw_listeners(Canvas& canvas, std::size_t row, std::size_t rows) const {
  const std::size_t width = std::max<std::size_t>(columns_for(canvas).local, 21);
  canvas.put(0, row, "LISTENERS", Style::strong);
  const std::size_t queue = 13 + width + 1;
  canvas.put_right(queue, row, 9, "ACCEPT-Q", Style::dim);
  canvas.put_right(queue + 10, row, 7, "BACKLOG", Style::dim);
  canvas.put_right(queue + 18, row, 6, "DROPS", Style::dim);
  canvas.put(queue + 26, row, "OWNER", Style::dim);
  for (std::size_t i = 0; i < std::min(rows - 1, listeners_.size()); ++i) {
    const std::size_t line = row + 1 + i;
    const bool is_last = i + 2 == rows && i + 1 < listeners_.size();
    if (is_last) {
      canvas.put(13, line, fmt::format("and {} more", listeners_.size() - i), Style::dim);
      break;
    }
    const TcpSocket& socket = listeners_[i].socket;
    const bool full = socket.receive_queue > socket.send_queue;  // then Linux drops what comes
    canvas.put(13, line, end_of(socket.local, width));
    canvas.put_right(queue, line, 9, fmt::format("{}", socket.receive_queue),
                     full ? Style::bad : queue_style(socket.receive_queue));
    canvas.put_right(queue + 10, line, 7, fmt::format("{}", socket.send_queue));
    canvas.put_right(queue + 18, line, 6, short_count(socket.drops.value_or(0)),
                     socket.drops.value_or(0) == 0 ? Style::dim : Style::bad);
    canvas.put_field(queue + 26, line,
                     canvas.columns() > queue + 26 ? canvas.columns() - queue - 26 : 0,
                     owner_text(socket));
  }
}

void Table::draw_connections(Canvas& canvas, std::size_t row, std::size_t rows, std::size_t first,
                             std::chrono::nanoseconds later) const {
  const Columns columns = columns_for(canvas);
  const bool wide = canvas.columns() >= kWide;
  const auto draw = [&](std::size_t line, const TcpSighting* shown) {
    const TcpSocket* const socket = shown == nullptr ? nullptr : &shown->socket;
    std::size_t column = 0;
    const auto field = [&](std::size_t width, std::string_view text, Style style) {
      canvas.put_field(column, line, width, text, style);
      column += width + 1;
    };
    const auto right = [&](std::size_t width, std::string_view text, Style style) {
      canvas.put_right(column, line, width, text, style);
      column += width + 1;
    };
    if (socket == nullptr) {
      field(columns.state, "STATE", Style::dim);
      field(columns.local, "LOCAL", Style::dim);
      field(columns.remote, "REMOTE", Style::dim);
      right(columns.age, "AGE", Style::dim);
      right(columns.queue, wide ? "RECV-Q" : "RQ", Style::dim);
      right(columns.queue, wide ? "SEND-Q" : "SQ", Style::dim);
      right(columns.retransmits, wide ? "RETR" : "RE", Style::dim);
      right(columns.rtt, "RTT", Style::dim);
      field(columns.timer, "TIMER", Style::dim);
      canvas.put(column, line, "OWNER", Style::dim);
      return;
    }
    field(columns.state, headrace::to_text(socket->state), style_of(socket->state));
    field(columns.local,
          wide ? end_of(socket->local, columns.local) : fmt::format(":{}", socket->local.port),
          Style::plain);
    field(columns.remote, end_of(socket->remote, columns.remote), Style::plain);
    right(columns.age, wide ? age_text(*shown, later) : short_time(shown->age + later),
          shown->age_known ? Style::plain : Style::dim);
    right(columns.queue, short_count(socket->receive_queue), queue_style(socket->receive_queue));
    right(columns.queue, short_count(socket->send_queue), queue_style(socket->send_queue));
    right(columns.retransmits, fmt::format("{}", retransmits_of(*socket)),
          retransmits_of(*socket) == 0 ? Style::dim : Style::bad);
    right(columns.rtt, rtt_of(*socket) == 0 ? "-" : short_time(socket->details->rtt), Style::plain);
    field(columns.timer, wide ? timer_text(*socket, later) : short_timer(*socket, later),
          Style::plain);
    const std::size_t left = canvas.columns() > column ? canvas.columns() - column : 0;
    canvas.put_field(
        column, line, left,
        wide || socket->owner.pid == 0 ? owner_text(*socket) : std::string{socket->owner.name()},
        Style::plain);
  };
  if (rows == 0) return;
  draw(row, nullptr);
  for (std::size_t i = 0; i + 1 < rows && first + i < connections_.size(); ++i)
    draw(row + 1 + i, &connections_[first + i]);
}

}  // namespace headrace::watch
