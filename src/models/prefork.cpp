// SPDX-License-Identifier: MIT
//
// Children made beforehand: they inherit the listeners, all wait at them, and whoever gets the
// connection serves it, one client at a time, with a blocking engine. No fork(2) stands between a
// client and its answer. All are woken for one client and only one gets it (accept4(2) says EAGAIN
// to the others). Limit: as many clients at once as there are children; the rest waits in the
// backlog.
//
// The parent serves nobody: it replaces a child that has died, but a child that dies over and over
// only ten times a second. At a stop it takes who is in the queue, and once children have ended,
// makes others for those: there are never more than before.
#include <algorithm>
#include <vector>

#include "models/children.hpp"

namespace headrace::models {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBetweenReplacements = std::chrono::milliseconds{100};
constexpr auto kBetweenReports = std::chrono::seconds{1};
constexpr int kListenerFailed = 113;  // a child's exit status; it has told why
constexpr int kHadEnough = 114;       // the same: its datagram service has returned

class Prefork {
 public:
  Prefork(Server& server, Children children) noexcept
      : server_{server}, children_{std::move(children)}, for_datagrams_(datagram_workers(server)) {}

  void run() {
    Acceptor acceptor{server_, children_.descriptor()};
    fill_up();
    if (children_.count() == 0) server_.fail("", failure_);
    if (!server_.stop.begun()) server_.tell_listening();
    while (!server_.stop.begun()) {
      const auto look = children_.next_look();
      acceptor.wait(children_.count() < server_.workers ? std::min(not_before_, look) : look);
      if (server_.table.has_kicks()) children_.urge(server_);
      reap();
      if (!server_.stop.begun()) fill_up();
    }
    server_.tell_draining();
    acceptor.take_queued_and_close([this](Accepted late) { late_.push_back(std::move(late)); });
    for (; children_.count() != 0 || served_late_ != late_.size(); reap()) {
      serve_late();
      children_.urge(server_);
      acceptor.wait_a_moment();
    }
  }

 private:
  void fill_up() {
    while (children_.count() < server_.workers && Clock::now() >= not_before_) {
      if (!add_child()) return;
      if (dead_ == 0) continue;
      --dead_;
      not_before_ = Clock::now() + kBetweenReplacements;
    }
  }

  bool add_child() {
    net::HeldSignals held;
    const auto place = std::ranges::find(for_datagrams_, pid_t{0});
    const auto child = children_.fork(held, nullptr);
    if (!child) {
      failure_ = child.error();
      not_before_ = Clock::now() + kBetweenReplacements;
      tell_shortage();
      return false;
    }
    const auto index = static_cast<std::size_t>(place - for_datagrams_.begin());
    if (*child == 0 && place != for_datagrams_.end()) receive_in_child(held, index);
    if (*child == 0) be_child(held);
    if (place != for_datagrams_.end()) *place = *child;
    return true;
  }

  [[noreturn]] void receive_in_child(net::HeldSignals& held, std::size_t index) {
    ChildServer self{server_, held};
    self.receive_datagrams(index);
    // One that could not begin is replaced, as one that has died.
    ChildServer::leave(self.server().failed ? 1 : self.server().had_enough ? kHadEnough : 0);
  }

  [[noreturn]] void be_child(net::HeldSignals& held) {
    ChildServer self{server_, held};
    Acceptor acceptor{self.server(), -1};
    for (self.server().look(); !self.server().stop.begun();)
      if (auto accepted = acceptor.next()) self.serve(std::move(*accepted));
    ChildServer::leave(self.server().failed ? kListenerFailed : 0);
  }

  void tell_shortage() {
    const auto now = Clock::now();
    if (children_.count() == 0 || now < shortage_told_ + kBetweenReports) return;
    shortage_told_ = now;
    server_.events.accept_paused(failure_);
  }

  void reap() {
    children_.reap([this](const Children::End& end) {
      const auto how = server_.cuts() ? Departure::cut : Departure::killed;
      server_.table.bury_all(end.child, how);
      std::ranges::replace(for_datagrams_, end.child, pid_t{0});
      if (end.status == kHadEnough) server_.stop.begin();
      if (end.status == kListenerFailed) {
        server_.failed = true;
        server_.stop.begin();
      }
      if (end.status != 0) ++dead_;
    });
  }

  void serve_late() {
    const std::span<Accepted> late{late_};
    for (; served_late_ < late.size() && server_.cuts(); ++served_late_)
      turn_away(late[served_late_]);
    while (served_late_ < late.size() && children_.count() < server_.workers) {
      Accepted next{std::move(late[served_late_++])};
      serve_in_child(server_, children_, std::move(next), late.subspan(served_late_));
    }
  }

  void turn_away(Accepted& late) {
    server_.table.turn_away(*late.info, Refusal::draining);
    const net::Socket closed{std::move(late.socket)};
  }

  Server& server_;
  Children children_;
  std::vector<pid_t> for_datagrams_;  // who has that place; 0: nobody
  std::vector<Accepted> late_;        // were in the queue at the stop
  std::size_t served_late_ = 0;
  std::size_t dead_ = 0;            // not by themselves, and not replaced yet
  Clock::time_point not_before_{};  // the next child
  Clock::time_point shortage_told_{};
  Failure failure_{};
};

}  // namespace

void run_prefork(Server& server) {
  auto children = Children::make();
  if (!children) return server.fail("", children.error());
  Prefork{server, std::move(*children)}.run();
}

}  // namespace headrace::models
