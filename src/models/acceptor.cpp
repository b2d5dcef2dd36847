// SPDX-License-Identifier: MIT
//
// Accepting for the launchers that block. Listeners are non-blocking: between poll(2) and
// accept4(2) the peer may leave.
#include "models/acceptor.hpp"

#include <algorithm>
#include <cerrno>

#include "net/accept_errors.hpp"

namespace headrace::models {

namespace {
constexpr auto kPause = std::chrono::milliseconds{100};
constexpr auto kBetweenReports = std::chrono::seconds{1};
}  // namespace

Acceptor::Acceptor(Server& server, int poke)
    : server_{server}, next_statistics_{server.options.statistics_every.resolve(Clock::now())} {
  for (const Door& door : server_.doors)
    entries_.push_back({door.sockets[0].descriptor(), POLLIN, 0});
  for (const int descriptor : server_.stop.descriptors())
    entries_.push_back({descriptor, POLLIN, 0});
  entries_.push_back({poke, POLLIN, 0});
}

int Acceptor::time_to_wait() const noexcept {
  Clock::time_point until = next_statistics_;
  if (paused_until_) until = std::min(until, *paused_until_);
  if (until == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

std::optional<Accepted> Acceptor::next() {
  const std::size_t doors = server_.doors.size();
  for (;;) {
    if (paused_until_ &&
        (Clock::now() >= *paused_until_ || server_.table.departures() != departures_at_pause_))
      paused_until_.reset();
    const bool closed = paused_until_ || server_.is_taken();  // `poke` tells of its departure
    for (std::size_t index = 0; index < doors; ++index)
      entries_[index].events = closed ? 0 : POLLIN;
    const int ready = sys::poll(entries_.data(), entries_.size(), time_to_wait());
    tell_statistics();
    if (ready < 0) continue;  // EINTR: the signal is in its pipe; ENOMEM passes
    if (entries_[doors].revents != 0 || entries_[doors + 1].revents != 0) server_.stop.look();
    if (server_.stop.begun()) return std::nullopt;
    for (std::size_t tried = 0; tried < doors; ++tried) {
      const std::size_t index = next_door_++ % doors;
      if ((entries_[index].revents & (POLLIN | POLLERR | POLLHUP)) == 0 || closed || paused_until_)
        continue;
      if (auto accepted = accept_from(server_.doors[index])) return accepted;
    }
    if (entries_.back().revents != 0) return std::nullopt;
  }
}

std::optional<Accepted> Acceptor::next_queued() {
  for (Door& door : server_.doors)
    if (auto accepted = accept_from(door)) return accepted;
  return std::nullopt;
}

void Acceptor::close() noexcept {
  for (Door& door : server_.doors) door.sockets.clear();
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
      paused_until_ = Clock::now() + kPause;
      departures_at_pause_ = server_.table.departures();
      if (pause_told_ && Clock::now() < *pause_told_ + kBetweenReports) return;
      pause_told_ = Clock::now();
      return server_.events.accept_paused(Failure::from_errno("accept4", error));
    case net::AfterAcceptError::fatal:
      return server_.fail(AddressText{door.address}, Failure::from_errno("accept4", error));
  }
}

void Acceptor::tell_statistics() {
  if (Clock::now() < next_statistics_) return;
  server_.events.statistics(server_.table.statistics());
  next_statistics_ = server_.options.statistics_every.resolve(Clock::now());
}

}  // namespace headrace::models
