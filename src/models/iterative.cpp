// SPDX-License-Identifier: MIT
//
// One client at a time, on the thread that called serve(): accept, serve to the end, accept the
// next. Whoever connects meanwhile waits in the backlog, and what they send waits in their socket.
// Nothing is shared, nothing can starve but everybody behind a client that stays.
//
// A signal interrupts the call that the thread sleeps in; as it may come just before the call
// begins, its handler starts a timer that repeats it. Not here: what a stop means to an operation
// (src/engines/blocking.cpp).
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include <sys/eventfd.h>

#include "engines/blocking.hpp"
#include "models/acceptor.hpp"
#include "models/server_control.hpp"

namespace headrace::models {

namespace {

/// Looks for a stop whenever an operation was interrupted.
class StopWatcher final : public detail::InterruptWatcher {
 public:
  StopWatcher(Server& server, detail::BlockingEngine& engine, Acceptor& acceptor) noexcept
      : server_{server}, engine_{engine}, acceptor_{acceptor} {}

  void interrupted() noexcept override {
    look_at_commands();
    server_.stop.look();
    if (!server_.stop.begun()) return;
    begin_drain();
    if (server_.stop.cuts()) engine_.cut();
  }

  /// Nobody in the queue can be served in time behind the one who stays: they are told so at once.
  void begin_drain() noexcept {
    if (std::exchange(draining_, true)) return;
    server_.tell_draining();
    engine_.begin_drain(nullptr);
    acceptor_.take_queued_and_close(
        [this](Accepted late) { server_.table.turn_away(*late.info, Refusal::draining); });
  }

 private:
  void look_at_commands() const noexcept {
    if (server_.control == nullptr) return;
    pollfd entry{server_.control->descriptor(), POLLIN, 0};
    if (sys::poll(&entry, 1, 0) == 1) server_.control->look();
  }

  Server& server_;
  detail::BlockingEngine& engine_;
  Acceptor& acceptor_;
  bool draining_ = false;
};

/// Commands are taken by the serving thread, which may be asleep in a call for its one client: this
/// thread signals it for as long as there is something to be read.
class CommandBell {
 public:
  explicit CommandBell(Server& server) : control_{*server.control}, table_{server.table} {
    end_ = net::Socket{sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    entries_ = {{{end_.descriptor(), POLLIN, 0}, {server.control->descriptor(), POLLIN, 0}}};
    const int answer = end_.is_open() ? sys::create_thread(&thread_, run, this) : -EMFILE;
    if (answer < 0) server.fail("", Failure::from_errno("pthread_create", -answer));
    rings_ = answer == 0;
  }
  CommandBell(const CommandBell&) = delete;
  CommandBell& operator=(const CommandBell&) = delete;
  ~CommandBell() {
    if (!rings_) return;
    const std::uint64_t one = 1;
    (void)sys::write(end_.descriptor(), &one, sizeof one);  // there is room: nobody else writes
    (void)sys::join_thread(thread_);                        // it ends at that
  }

 private:
  static void* run(void* self) noexcept {
    auto& bell = *static_cast<CommandBell*>(self);
    auto& entries = bell.entries_;
    constexpr int kMoment = 5;  // ms
    // After each ring it looks twice more: whoever was kicked by the command may be marked only
    // then.
    for (int looks = 0; entries[0].revents == 0;) {
      entries[1].fd = bell.control_.descriptor();
      const int ready = sys::poll(entries.data(), entries.size(), looks == 0 ? -1 : 0);
      if (looks != 0) --looks;
      if ((ready > 0 && entries[1].revents != 0) || bell.table_.has_kicks()) {
        (void)sys::signal_thread(bell.serving_, SIGURG);
        looks = 2;
      }
      if (looks != 0 && entries[0].revents == 0) (void)sys::poll(entries.data(), 1, kMoment);
    }
    return nullptr;
  }

  ServerControl& control_;
  const ConnectionTable& table_;
  net::Socket end_;
  std::array<pollfd, 2> entries_{};
  pthread_t thread_{};
  pthread_t serving_ = ::pthread_self();
  bool rings_ = false;
};

/// Tells the statistics while the serving thread is asleep in a receive: at a datagram socket there
/// is no "between two clients".
class StatisticsTeller {
 public:
  explicit StatisticsTeller(Server& server) : server_{server} {
    if (server.options.statistics_every.is_never()) return;
    end_ = net::Socket{sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    const int answer = end_.is_open() ? sys::create_thread(&thread_, run, this) : -EMFILE;
    if (answer < 0) server.fail("", Failure::from_errno("pthread_create", -answer));
    tells_ = answer == 0;
  }
  StatisticsTeller(const StatisticsTeller&) = delete;
  StatisticsTeller& operator=(const StatisticsTeller&) = delete;
  ~StatisticsTeller() {
    if (!tells_) return;
    const std::uint64_t one = 1;
    (void)sys::write(end_.descriptor(), &one, sizeof one);  // there is room: nobody else writes
    (void)sys::join_thread(thread_);                        // it ends at that
  }

 private:
  static void* run(void* self) noexcept {
    const auto& teller = *static_cast<StatisticsTeller*>(self);
    Server& server = teller.server_;
    using Clock = std::chrono::steady_clock;
    auto next = server.options.statistics_every.resolve(Clock::now());
    for (pollfd end{teller.end_.descriptor(), POLLIN, 0}; end.revents == 0;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
      const auto wait = std::clamp<std::int64_t>(left, 0, 1'000'000);
      if (sys::poll(&end, 1, static_cast<int>(wait)) != 0 || Clock::now() < next) continue;
      server.events.statistics(server.table.statistics());
      next = server.options.statistics_every.resolve(Clock::now());
    }
    return nullptr;
  }

  Server& server_;
  net::Socket end_;
  pthread_t thread_{};
  bool tells_ = false;
};

}  // namespace

void run_iterative(Server& server) {
  detail::BlockingEngine engine;
  prepare(engine, server);
  Acceptor acceptor{server, -1};
  StopWatcher watcher{server, engine, acceptor};
  engine.set_watcher(&watcher);
  std::optional<CommandBell> bell;
  if (server.control != nullptr && server.control->descriptor() >= 0) bell.emplace(server);
  if (!server.stop.begun()) server.tell_listening();
  if (!server.datagrams.empty()) {
    const StatisticsTeller teller{server};
    watcher.interrupted();  // the stop may have come before
    engine.run(serve_datagrams(server, engine, 0));
  }
  while (!server.stop.begun())
    if (auto accepted = acceptor.next()) serve_peer(server, engine, std::move(*accepted));
  watcher.begin_drain();
}

}  // namespace headrace::models
