// SPDX-License-Identifier: MIT
//
// One entry a connection, found by its two ends: the kernel has at most one socket for them at a
// time. (Its cookie will not do: a socket gets another one when it enters TIME-WAIT.) The same ends
// with another cookie are another connection: the port was used again.
#include "tcp_state/tracker.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace headrace::tcp {

namespace {

using enum TcpState;

constexpr std::size_t kMostHeld = 100'000;  // trace events; beyond it they are not this namespace's
constexpr std::int64_t kTimeWait = 60'000'000'000;  // ns, TCP_TIMEWAIT_LEN, which nobody can set

std::uint64_t mixed(std::uint64_t sum, std::uint64_t more) noexcept {
  sum = (sum ^ more) * 0x9E3779B97F4A7C15ULL;
  return sum ^ (sum >> 32U);
}

std::uint64_t mixed(std::uint64_t sum, const TcpEndpoint& end) noexcept {
  std::array<std::uint64_t, 2> host{};
  std::memcpy(host.data(), end.host.data(), sizeof host);
  return mixed(mixed(mixed(sum, host[0]), host[1]), end.port);
}

// Where the kernel's own socket ends although the connection may not.
bool may_lead_to_time_wait(TcpState state) noexcept {
  return state == fin_wait_1 || state == fin_wait_2 || state == closing;
}

}  // namespace

std::size_t Tracker::Hash::operator()(const Key& key) const noexcept {
  return mixed(mixed(mixed(0, key.local), key.remote), key.cookie);
}

Tracker::Key Tracker::key_of(const TcpSocket& socket) noexcept {
  return {socket.local, socket.remote, socket.state == listen ? socket.cookie : 0};
}

void Tracker::forget() {
  connections_.clear();
  held_.clear();
  held_records_ = 0;
  previous_ = now_ = 0;
}

void Tracker::sort_news() {
  for (std::size_t i = 0; i < news_.size(); ++i) news_[i].number = i;
  std::ranges::sort(news_, {},
                    [](const News& news) { return std::pair{news.event.time_ns, news.number}; });
}

// `socket`: its row, or null where there is none any more.
void Tracker::change(const Key& key, Connection& connection, TcpState to, TcpSource source,
                     std::int64_t time, const TcpSocket* socket) {
  const TcpState from = connection.state;
  const bool is_step = is_legal(from, to);
  News news{{.source = source,
             .legal = is_step || is_reachable(from, to),
             .passed_over = !is_step,
             .ended = to == closed || to == time_wait,
             .from = from,
             .to = to,
             .time_ns = time,
             .socket = nullptr},
            {}};
  if (connection.final != nullptr) {
    news.socket = *connection.final;
  } else if (socket != nullptr) {
    news.socket = *socket;
  }
  news.socket.local = key.local;
  news.socket.remote = key.remote;
  news.socket.state = to;
  news.socket.owner = connection.owner;
  news_.push_back(news);
  connection.state = to;
  connection.since = time;
  connection.since_known = true;
  connection.left = 0;
  connection.final.reset();
}

// Trace events.

void Tracker::trace(const TraceRecord& record) {
  // Listeners are known by their rows; a connection's first step has no port of its own yet.
  if (record.to == listen || record.remote.port == 0 || record.local.port == 0) return;
  const Key key{record.local, record.remote, 0};
  if (const auto found = connections_.find(key); found != connections_.end()) {
    step(key, found->second, record);
    return;
  }
  if (held_records_ == kMostHeld) {
    ++foreign_;
    return;
  }
  // Its end, told already: it had no row in a look that came after.
  const bool begins = record.from == syn_sent || record.from == listen || record.from == closed;
  if (!begins && record.time_ns < now_ && !held_.contains(key)) return;
  Held& held = held_[key];
  held.records.push_back(record);
  held.look = look_;
  ++held_records_;
}

void Tracker::step(const Key& key, Connection& connection, const TraceRecord& record) {
  if (is_old(connection, record)) return;
  if (record.from == listen || record.from == syn_sent || record.from == closed)
    begin_again(key, connection, record.from);
  catch_up(key, connection, record);
  if (record.to == closed) {
    connection.left = record.time_ns;
    connection.left_by = TcpSource::trace;
    return;
  }
  change(key, connection, record.to, TcpSource::trace, record.time_ns, nullptr);
}

// Whether its row shows what came of it, or of what followed it.
bool Tracker::is_old(const Connection& connection, const TraceRecord& record) const {
  if (connection.row_time == 0) return false;  // no row yet
  if (record.time_ns < connection.row_time) return true;
  const bool within_look = connection.row_time == now_ && record.time_ns <= looked_until_;
  return within_look && connection.state != record.from;
}

// We may have missed steps; the event says where this one began. Where no way leads there, what was
// missed is the end of one connection and the beginning of another.
void Tracker::catch_up(const Key& key, Connection& connection, const TraceRecord& record) {
  if (connection.state == record.from) return;
  if (!is_reachable(connection.state, record.from)) begin_again(key, connection, closed);
  change(key, connection, record.from, TcpSource::trace, record.time_ns, nullptr);
}

// What is left of the connection before, if it is another.
void Tracker::begin_again(const Key& key, Connection& connection, TcpState state) {
  const bool goes_on = connection.state == syn_received && state != closed;
  if (connection.state == state || goes_on) return;
  if (connection.state != closed || connection.left != 0)
    change(key, connection, closed, connection.left != 0 ? connection.left_by : TcpSource::trace,
           connection.left != 0 ? connection.left : now_, nullptr);
  connection.owner = {};
  connection.state = state;
  connection.row_state = closed;
}

void Tracker::replay(const Key& key, Connection& connection) {
  const auto found = held_.find(key);
  if (found == held_.end()) return;
  const auto [records, signs, look] = std::move(found->second);
  held_records_ -= records.size() + signs.size();
  held_.erase(found);
  for (const Sign& sign : signs) follow(key, connection, sign);
  if (records.empty()) return;
  connection.state = records.front().from;
  if (connection.state == syn_sent) {  // the step before has no port and cannot be told apart
    connection.state = closed;
    change(key, connection, syn_sent, TcpSource::trace, records.front().time_ns, nullptr);
  }
  for (const TraceRecord& record : records) step(key, connection, record);
}

// Segments.

namespace {

using tcp_state::kAck;
using tcp_state::kFin;
using tcp_state::kRst;
using tcp_state::kSyn;

// Where an end goes that sends such a segment; nothing when it stays, or when the next look must
// say.
std::optional<TcpState> after_sending(TcpState state, std::uint8_t bits) noexcept {
  const bool acknowledges = (bits & kAck) != 0;
  if ((bits & kSyn) != 0) {
    if (!acknowledges && state == closed) return syn_sent;
    if (acknowledges && (state == closed || state == listen || state == syn_sent))
      return syn_received;
  }
  if ((bits & kFin) != 0) {
    if (state == syn_received || state == established) return fin_wait_1;
    if (state == close_wait) return last_ack;
  }
  return std::nullopt;
}

std::optional<TcpState> after_getting(TcpState state, std::uint8_t bits) noexcept {
  if ((bits & kSyn) != 0 && (bits & kAck) != 0 && state == syn_sent) return established;
  if ((bits & kFin) != 0 && (state == syn_received || state == established)) return close_wait;
  return std::nullopt;
}

}  // namespace

void Tracker::segment(const tcp_state::Segment& segment, std::int64_t time) {
  take({segment.source, segment.destination, 0}, {time, segment.bits, true});
  take({segment.destination, segment.source, 0}, {time, segment.bits, false});
}

void Tracker::take(const Key& key, const Sign& sign) {
  if (const auto found = connections_.find(key); found != connections_.end()) {
    follow(key, found->second, sign);
    return;
  }
  if (held_records_ == kMostHeld) return;  // most likely it is another machine's end
  Held& held = held_[key];
  held.signs.push_back(sign);
  held.look = look_;
  ++held_records_;
}

void Tracker::follow(const Key& key, Connection& connection, const Sign& sign) {
  if ((sign.bits & kRst) != 0) {
    if (connection.left == 0 && connection.state != time_wait) {
      connection.left = sign.time;
      connection.left_by = TcpSource::packet;
    }
    return;
  }
  auto to = sign.sent ? after_sending(connection.state, sign.bits)
                      : after_getting(connection.state, sign.bits);
  if (!to || *to == connection.refuted) return;  // sent again, and most likely lost again
  if (*to == syn_received && connection.state == closed) connection.state = listen;
  change(key, connection, *to, TcpSource::packet, sign.time, nullptr);
}

// Sockets that have ended.

void Tracker::destroyed(const TcpSocket& socket, std::int64_t now) {
  if (socket.remote.port == 0) return;  // a listener, or never connected
  const Key key{socket.local, socket.remote, 0};
  const auto [at, is_new] = connections_.try_emplace(key);
  Connection& connection = at->second;
  if (connection.state == time_wait) return;  // the look was faster: this is what led there
  if (is_new) {
    connection.look = look_;
    connection.since = previous_ == 0 ? now : now_;
    replay(key, connection);
  }
  // Its predecessor's row may still be the one we know: the port was used again between two looks.
  if (!is_new && connection.cookie != 0 && connection.cookie != socket.cookie)
    begin_again(key, connection, closed);
  connection.final = std::make_unique<TcpSocket>(socket);
  connection.cookie = socket.cookie;
  if (connection.left == 0) {
    connection.left = now;
    connection.left_by = TcpSource::destroyed;
  }
}

// Looks.

void Tracker::begin_look(std::int64_t now, bool whole) {
  previous_ = now_;
  now_ = now;
  whole_ = whole;
  ++look_;
}

void Tracker::row(TcpSighting& sighting) {
  TcpSocket& socket = sighting.socket;
  const Key key = key_of(socket);
  const auto [at, is_new] = connections_.try_emplace(key);
  Connection& connection = at->second;
  if (is_new) {
    connection.since = now_;
    replay(key, connection);
  }
  const bool first_look = previous_ == 0;
  const bool timed_out_of = socket.timer == TcpTimer::time_wait;  // has a cookie of its own
  const bool another = !is_new && connection.cookie != 0 && connection.cookie != socket.cookie &&
                       !timed_out_of && connection.state != closed;
  if (another) begin_again(key, connection, closed);
  if (connection.state != socket.state) {
    const bool is_history = is_new && first_look && connection.state == closed;
    if (is_history) {
      connection.state = socket.state;
    } else {
      settle(key, connection, socket);
      const bool seen_leaving = connection.left != 0;
      if (connection.state != socket.state)
        change(key, connection, socket.state,
               seen_leaving ? connection.left_by : TcpSource::snapshot,
               seen_leaving ? connection.left : now_, &socket);
    }
  }
  if (connection.row_state != socket.state) connection.refuted = closed;
  connection.row_state = socket.state;
  connection.row_time = now_;
  connection.left = 0;
  connection.final.reset();
  connection.look = look_;
  if (socket.owner.pid != 0) connection.owner = socket.owner;
  if (!timed_out_of || connection.cookie == 0) connection.cookie = socket.cookie;
  if (socket.state == time_wait) {  // its age is known exactly, however late we came
    const std::int64_t left = std::chrono::nanoseconds{socket.timer_remaining}.count();
    connection.since = now_ - std::max<std::int64_t>(0, kTimeWait - left);
    connection.since_known = true;
  }
  connection.row_since = connection.since;
  connection.row_since_known = connection.since_known;
  socket.owner = connection.owner;
  sighting.age = std::chrono::nanoseconds{std::max<std::int64_t>(0, now_ - connection.since)};
  sighting.age_known = connection.since_known;
}

// A row of a state to which no way leads from the one that is known. A socket that connects a
// second time (after connect(2) to nowhere) keeps its cookie; and events that were taken for this
// connection's may have been those of the same two ends elsewhere, and a segment that passed may
// not have arrived (a firewall took it): then the row before counts.
void Tracker::settle(const Key& key, Connection& connection, const TcpSocket& socket) {
  if (is_reachable(connection.state, socket.state)) return;
  if (socket.state == syn_sent) {
    begin_again(key, connection, closed);
  } else if (is_reachable(connection.row_state, socket.state)) {
    connection.refuted = connection.state;
    connection.state = connection.row_state;
    connection.since = connection.row_since;
    connection.since_known = connection.row_since_known;
  }
}

void Tracker::end_look(std::int64_t until) {
  looked_until_ = until;
  for (auto at = connections_.begin(); at != connections_.end();) {
    auto& [key, connection] = *at;
    // What was heard of after the look had begun may have had no row yet: it gets another look.
    if (connection.look == look_ || connection.left > now_) {
      ++at;
      continue;
    }
    const bool seen_leaving = connection.left != 0;
    // Where TIME-WAIT is not looked at, a way out that may lead there is not followed.
    const bool followed = whole_ || !may_lead_to_time_wait(connection.state);
    if ((whole_ && connection.state != closed) || (seen_leaving && followed))
      change(key, connection, closed, seen_leaving ? connection.left_by : TcpSource::snapshot,
             seen_leaving ? connection.left : now_, nullptr);
    at = connections_.erase(at);
  }
  // A socket of ours has had a row or a last message by now.
  for (auto at = held_.begin(); at != held_.end();) {
    if (look_ - at->second.look < 2) {
      ++at;
      continue;
    }
    foreign_ += at->second.records.size();
    held_records_ -= at->second.records.size() + at->second.signs.size();
    at = held_.erase(at);
  }
}

TcpOwner Tracker::last_owner(const TcpSocket& socket) const noexcept {
  const auto found = connections_.find(key_of(socket));
  return found == connections_.end() ? TcpOwner{} : found->second.owner;
}

void Tracker::abandon_look() {
  for (auto& [key, connection] : connections_) connection.look = look_;
}

}  // namespace headrace::tcp
