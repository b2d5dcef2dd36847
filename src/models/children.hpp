// SPDX-License-Identifier: MIT
//
// What the launchers that fork share: the children as their parent sees them, and the server as a
// child sees it. Not here: when a child is made and whom it serves (process_per_connection.cpp,
// prefork.cpp).
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <unordered_map>

#include "models/acceptor.hpp"

namespace headrace::models {

/// The processes that a launcher has forked. Their ends are noticed one by one, by pidfd_open(2):
/// not by SIGCHLD, which belongs to the program around us, and never by waiting for just any child,
/// which may be the program's.
class Children {
 public:
  using Clock = std::chrono::steady_clock;

  /// One has ended: by itself, or it was killed.
  struct End {
    pid_t child;
    detail::ConnectionInfo* connection;  // as given to `fork`
    int status;                          // of exit(3); -1 for a signal
  };

  static Result<Children> make();

  /// fork(2), without what a child has no use for. 0 in the child, where the signals that stop a
  /// server are held back until its ChildServer is made; there, nothing is known of the others.
  Result<pid_t> fork(net::HeldSignals& held, detail::ConnectionInfo* connection);

  /// The ends that have come, each told once.
  template <class Told>
  void reap(Told told) {
    while (const std::optional<End> end = next_end()) told(*end);
  }

  /// Again and again: signals all children, so that they look whether they, or a client of theirs,
  /// are to go.
  /// Those that two seconds after the cut are still there (stopped, or busy for ever) are killed.
  void urge(const Server& server) noexcept;

  [[nodiscard]] std::size_t count() const noexcept { return children_.size(); }
  /// When to reap again, should nothing be readable until then.
  [[nodiscard]] Clock::time_point next_look() const noexcept;
  /// For poll(2): readable when one has ended.
  [[nodiscard]] int descriptor() const noexcept { return ends_.descriptor(); }

 private:
  struct Child {
    net::Socket descriptor;  // of pidfd_open(2); closed if there was none to be had
    detail::ConnectionInfo* connection;
  };

  explicit Children(net::Socket ends) noexcept : ends_{std::move(ends)} {}
  void watch(pid_t child, detail::ConnectionInfo* connection);
  std::optional<End> next_end();
  std::optional<End> end_of(pid_t child, int flags);

  net::Socket ends_;  // an epoll(7) of all the children's descriptors
  std::unordered_map<pid_t, Child> children_;
  std::size_t unwatched_ = 0;  // have no descriptor: they are asked one by one
  std::optional<Clock::time_point> cut_at_;
};

/// The server in a child: an engine, a stop and signals of its own. Looks at what the parent was
/// told whenever a signal interrupts an operation. SIGTERM makes this child drain; what a terminal
/// sends is for the parent.
class ChildServer final : public detail::InterruptWatcher {
 public:
  ChildServer(Server& parents, net::HeldSignals& held);
  ChildServer(const ChildServer&) = delete;
  ChildServer& operator=(const ChildServer&) = delete;

  /// Serves one peer to its end.
  void serve(Accepted accepted);
  /// The same for the server's datagrams, as worker `index` of them.
  void receive_datagrams(std::size_t index);
  void interrupted() noexcept override;

  /// Ends the process, without destructors or exit(3): what they would flush and unlink is the
  /// parent's.
  [[noreturn]] static void leave(int status) noexcept;

  [[nodiscard]] Server& server() noexcept { return server_; }

 private:
  Result<net::RepeatedSignal> repeat_;
  Result<net::StopSignals> signals_;
  Stop stop_;
  Server server_;
  detail::BlockingEngine engine_{};
};

/// Forks a child that serves one peer and ends. If that cannot be, the peer is refused. `others`
/// have been accepted too, but are not this child's.
void serve_in_child(Server& server, Children& children, Accepted accepted,
                    std::span<Accepted> others);

}  // namespace headrace::models
