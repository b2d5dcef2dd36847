// SPDX-License-Identifier: MIT
//
// Accepting for the launchers that block. Listeners are non-blocking: between poll(2) and
// accept4(2) the peer may leave.
#include "models/acceptor.hpp"

#include <algorithm>
#include <cerrno>

#include "models/server_control.hpp"
#include "net/accept_errors.hpp"

namespace headrace::models {

namespace {
constexpr auto kPause = std::chrono::milliseconds{100};
constexpr auto kMoment = std::chrono::milliseconds{5};  // between two signals to who must look
constexpr auto kBetweenReports = std::chrono::seconds{1};

/// When statistics are told next; by a parent for all its children.
std::chrono::steady_clock::time_point after_now(const Server& server) noexcept {
  if (server.parents_stop != nullptr) return std::chrono::steady_clock::time_point::max();
  return server.options.statistics_every.resolve(sys::steady_now());
}
}  // namespace

void turn_away_queued(Server& server, const net::Socket& listener, Transport transport) {
  for (int left = server.backlog; left > 0; --left) {
    net::SocketAddress peer;
    const net::Socket socket{
        sys::accept4(listener.descriptor(), peer.get(), &peer.length, SOCK_CLOEXEC)};
    if (!socket.is_open()) return;
    if (auto* const info = server.table.admit(peer, transport))
      server.table.turn_away(*info, Refusal::draining);
  }
}

void prepare(detail::BlockingEngine& engine, const Server& server) noexcept {
  engine.observe(&server.table, server.events.wants_messages());
  engine.set_idle_timeout(server.options.idle_timeout);
}

void serve_peer(Server& server, detail::BlockingEngine& engine, Accepted accepted) {
  auto socket = engine.adopt(std::move(accepted.socket), accepted.transport);
  if (!socket) return server.table.turn_away(*accepted.info, Refusal::out_of_resources);
  server.table.serving(*accepted.info);
  (*socket)->info = accepted.info;
  if (engine.wants_messages()) (*socket)->flags |= detail::SocketRecord::kWatched;
  engine.run(server.service.run(Stream{*socket}));
}

Acceptor::Acceptor(Server& server, int poke)
    : server_{server}, next_statistics_{after_now(server)} {
  for (const Door& door : server_.doors)
    entries_.push_back({door.sockets[0].descriptor(), POLLIN, 0});
  for (const int descriptor : server_.stop.descriptors())
    entries_.push_back({descriptor, POLLIN, 0});
  entries_.push_back({server_.control == nullptr ? -1 : server_.control->descriptor(), POLLIN, 0});
  entries_.push_back({poke, POLLIN, 0});
}

std::optional<Accepted> Acceptor::next(Clock::time_point limit) {
  const std::size_t doors = server_.doors.size();
  for (;;) {
    if (paused_until_ &&
        (sys::steady_now() >= *paused_until_ || server_.table.departures() != departures_at_pause_))
      paused_until_.reset();
    const bool closed = paused_until_ || server_.is_taken();  // `poke` tells of its departure
    for (std::size_t index = 0; index < doors; ++index)
      entries_[index].events = closed ? 0 : POLLIN;
    const int ready = poll_from(0, std::min(limit, paused_until_.value_or(limit)));
    if (server_.stop.begun()) return std::nullopt;
    if (ready < 0) continue;
    for (std::size_t tried = 0; tried < doors; ++tried) {
      const std::size_t index = next_door_++ % doors;
      if ((entries_[index].revents & (POLLIN | POLLERR | POLLHUP)) == 0 || closed || paused_until_)
        continue;
      if (auto accepted = accept_from(server_.doors[index])) return accepted;
    }
    if (entries_.back().revents != 0 || server_.table.has_kicks()) return std::nullopt;
    if (limit != Clock::time_point::max() && sys::steady_now() >= limit) return std::nullopt;
  }
}

void Acceptor::wait(Clock::time_point limit) { (void)poll_from(server_.doors.size(), limit); }

void Acceptor::wait_a_moment() { wait(sys::steady_now() + kMoment); }

// What poll(2) answers for the entries from `first` on.
int Acceptor::poll_from(std::size_t first, Clock::time_point limit) {
  const std::size_t doors = server_.doors.size();
  if (server_.table.has_kicks()) limit = std::min(limit, sys::steady_now() + kMoment);
  const int ready = sys::poll(&entries_[first], entries_.size() - first, time_until(limit));
  tell_statistics();
  // EINTR: a signal is in its pipe, or a child's parent has something to tell. ENOMEM passes.
  if (ready < 0 || entries_[doors].revents != 0 || entries_[doors + 1].revents != 0) server_.look();
  if (pollfd& control = entries_[doors + 2]; ready > 0 && control.revents != 0) {
    server_.control->look();
    control.fd = server_.control->descriptor();
  }
  return ready;
}

int Acceptor::time_until(Clock::time_point limit) const noexcept {
  const Clock::time_point until = std::min(limit, next_statistics_);
  if (until == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - sys::steady_now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

std::optional<Accepted> Acceptor::next_queued() {
  for (Door& door : server_.doors)
    if (auto accepted = accept_from(door)) return accepted;
  return std::nullopt;
}

void Acceptor::close() noexcept {
  for (Door& door : server_.doors) {
    // A child that is busy may hold the listener a little longer.
    for (const net::Socket& socket : door.sockets)
      (void)sys::shutdown(socket.descriptor(), SHUT_RD);  // it is closed in any case
    door.sockets.clear();
  }
}

std::optional<Accepted> Acceptor::accept_from(Door& door) {
  const Transport transport = door.address.transport();
  for (int tries = 0; tries < 64; ++tries) {  // then the other doors, whatever comes in at this one
    net::SocketAddress peer;
    const int answer =
        sys::accept4(door.sockets[0].descriptor(), peer.get(), &peer.length, SOCK_CLOEXEC);
    if (answer == -EAGAIN) return std::nullopt;
    if (answer < 0) {
      after_error(door, -answer);
      if (paused_until_ || server_.stop.begun()) return std::nullopt;
      continue;
    }
    net::Socket socket{answer};
    detail::ConnectionInfo* const info = server_.table.admit(peer, transport);
    if (info != nullptr) return Accepted{std::move(socket), transport, info};
  }
  return std::nullopt;
}

void Acceptor::after_error(const Door& door, int error) {
  switch (net::after_accept_error(error)) {
    case net::AfterAcceptError::retry:
      return;
    case net::AfterAcceptError::pause:
      paused_until_ = sys::steady_now() + kPause;
      departures_at_pause_ = server_.table.departures();
      if (pause_told_ && sys::steady_now() < *pause_told_ + kBetweenReports) return;
      pause_told_ = sys::steady_now();
      return server_.events.accept_paused(Failure::from_errno("accept4", error));
    case net::AfterAcceptError::fatal:
      server_.look();
      if (server_.stop.begun()) return;  // a parent has shut it
      return server_.fail(AddressText{door.address}, Failure::from_errno("accept4", error));
  }
}

void Acceptor::tell_statistics() {
  if (sys::steady_now() < next_statistics_) return;
  server_.events.statistics(server_.table.statistics());
  next_statistics_ = after_now(server_);
}

}  // namespace headrace::models
