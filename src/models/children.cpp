// SPDX-License-Identifier: MIT
//
// fork(2), and what has to be put right on both sides of it. Not here: whom a child serves.
#include "models/children.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace headrace::models {

namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds{100};  // at who has no descriptor
constexpr auto kPatienceAfterCut = std::chrono::seconds{2};

/// Only what a parent needs to have made of a child: its own stop, in the place of its parent's.
Server server_in_child(Server& parents, Stop& stop, const net::RepeatedSignal* repeat) {
  return {.service = parents.service,
          .options = parents.options,
          .model = parents.model,
          .events = parents.events,
          .workers = parents.workers,
          .backlog = parents.backlog,
          .doors = parents.doors,
          .datagrams = parents.datagrams,
          .table = parents.table,
          .stop = stop,
          .repeat = repeat,
          .parents_stop = &parents.stop};
}

}  // namespace

// In the parent.

Result<Children> Children::make() {
  const int ends = sys::epoll_create1(EPOLL_CLOEXEC);
  if (ends < 0) return fail_errno("epoll_create1", -ends);
  return Children{net::Socket{ends}};
}

Result<pid_t> Children::fork(net::HeldSignals& held, detail::ConnectionInfo* connection) {
  const pid_t parent = sys::getpid();
  const pid_t child = sys::fork();
  if (child < 0) {
    held.release();
    return fail_errno("fork", -child);
  }
  if (child > 0) {
    held.release();
    watch(child, connection);
    return child;
  }
  (void)sys::die_with_parent(SIGKILL);                  // cannot fail for a signal that exists
  if (sys::getppid() != parent) ChildServer::leave(1);  // it was gone before we asked
  children_.clear();
  const net::Socket closed{std::move(ends_)};
  return 0;
}

void Children::watch(pid_t child, detail::ConnectionInfo* connection) {
  net::Socket descriptor{std::max(-1, sys::pidfd_open(child))};
  epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(child)}};
  if (descriptor.is_open() &&
      sys::epoll_ctl(ends_.descriptor(), EPOLL_CTL_ADD, descriptor.descriptor(), &event) < 0)
    descriptor = net::Socket{};
  if (!descriptor.is_open()) ++unwatched_;
  children_.emplace(child, Child{std::move(descriptor), connection});
}

std::optional<Children::End> Children::next_end() {
  epoll_event event{};
  if (sys::epoll_wait(ends_.descriptor(), &event, 1, 0) == 1)
    return end_of(static_cast<pid_t>(event.data.u32), 0);
  if (unwatched_ == 0) return std::nullopt;
  for (const auto& [pid, child] : children_)
    if (!child.descriptor.is_open())
      if (const auto end = end_of(pid, WNOHANG)) return end;
  return std::nullopt;
}

// With ECHILD the program around us ignores SIGCHLD, or has waited for our child.
std::optional<Children::End> Children::end_of(pid_t child, int flags) {
  int status = 0;
  pid_t answer = -EINTR;
  while (answer == -EINTR) answer = sys::waitpid(child, &status, flags);
  if (answer == 0) return std::nullopt;
  const auto found = children_.find(child);
  if (const net::Socket& descriptor = found->second.descriptor; !descriptor.is_open())
    --unwatched_;
  else  // closing is not enough: a child just forked may hold a copy, and keep it in the list
    (void)sys::epoll_ctl(ends_.descriptor(), EPOLL_CTL_DEL, descriptor.descriptor(), nullptr);
  const bool by_itself = answer == child && WIFEXITED(status);
  const End end{child, found->second.connection, by_itself ? WEXITSTATUS(status) : -1};
  children_.erase(found);
  return end;
}

Children::Clock::time_point Children::next_look() const noexcept {
  return unwatched_ == 0 ? Clock::time_point::max() : Clock::now() + kBetweenLooks;
}

// By descriptor: where SIGCHLD is ignored, the kernel reaps a child, and its number may be
// another's.
void Children::urge(const Server& server) noexcept {
  if (!cut_at_ && server.cuts()) cut_at_ = Clock::now();
  const bool lost = cut_at_ && Clock::now() >= *cut_at_ + kPatienceAfterCut;
  const int signal = lost ? SIGKILL : SIGURG;
  for (const auto& [pid, child] : children_)  // one that has ended needs none
    (void)(child.descriptor.is_open() ? sys::signal_process(child.descriptor.descriptor(), signal)
                                      : sys::kill(pid, signal));
}

// In a child.

ChildServer::ChildServer(Server& parents, net::HeldSignals& held)
    : repeat_(net::RepeatedSignal::make()),
      signals_(net::StopSignals::catch_in_child(repeat_ ? &*repeat_ : nullptr)),
      stop_{signals_ ? signals_->descriptor() : -1, -1, parents.options.drain},
      server_(server_in_child(parents, stop_, repeat_ ? &*repeat_ : nullptr)) {
  if (const int signals = parents.stop.descriptors()[0]; signals >= 0)
    (void)sys::close(signals);  // the parent has it still
  prepare(engine_, server_);
  engine_.set_watcher(this);
  held.release();
}

void ChildServer::serve(Accepted accepted) {
  interrupted();  // the stop may have come before
  serve_peer(server_, engine_, std::move(accepted));
}

void ChildServer::receive_datagrams(std::size_t index) {
  interrupted();
  engine_.run(serve_datagrams(server_, engine_, index));
}

void ChildServer::interrupted() noexcept {
  server_.look();
  if (!server_.stop.begun()) return;
  for (Door& door : server_.doors) door.sockets.clear();
  engine_.begin_drain(nullptr);
  if (server_.cuts()) engine_.cut();
}

void ChildServer::leave(int status) noexcept { ::_exit(status); }

}  // namespace headrace::models
