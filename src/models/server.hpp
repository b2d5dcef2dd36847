// SPDX-License-Identifier: MIT
//
// What serve() has made ready and every launcher works with: where to accept, whom to let in, when
// to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/engine_core.hpp"
#include "headrace/serve.hpp"
#include "models/connection_table.hpp"
#include "models/datagrams.hpp"
#include "net/signals.hpp"
#include "net/unix_path.hpp"

namespace headrace::models {

/// An address the server listens at; a socket for each worker that has one of its own.
struct Door {
  Address address;  // as bound, with the port the kernel chose
  net::UnixPath path{};
  std::vector<net::Socket> sockets{};
};

/// When the server stops. Told from signals and the Stopper by whichever thread reads them; read by
/// all.
class Stop {
 public:
  Stop(int signals, int stopper, std::chrono::nanoseconds drain) noexcept
      : descriptors_{signals, stopper}, drain_{drain} {}

  /// For poll(2); -1 for one that is not there.
  [[nodiscard]] const std::array<int, 2>& descriptors() const noexcept { return descriptors_; }
  /// Reads what has come and goes on accordingly: the first call to stop begins the drain, the
  /// second ends it.
  void look() noexcept;
  /// A call to stop, of which the second ends the drain.
  void call(unsigned times = 1) noexcept;
  /// The server cannot go on. However often: only calls from outside end the drain.
  void begin() noexcept;

  [[nodiscard]] bool begun() const noexcept { return phase_.load() != detail::Phase::running; }
  /// A second call has come, or the drain's time is over.
  [[nodiscard]] bool cuts() const noexcept;
  [[nodiscard]] std::chrono::steady_clock::time_point drain_ends() const noexcept {
    return ends_.load();
  }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  std::array<int, 2> descriptors_;
  std::chrono::nanoseconds drain_;
  std::atomic<unsigned> calls_ = 0;
  std::atomic<TimePoint> ends_ = TimePoint{};  // written before phase_ says so
  std::atomic<detail::Phase> phase_ = detail::Phase::running;
};

class ServerControl;

struct Server {
  const Service& service;
  const ServeOptions& options;
  const ModelInfo& model;
  ServerEvents& events;
  unsigned workers;
  int backlog;  // the effective one
  std::vector<Door>& doors;
  DatagramDoors& datagrams;
  ConnectionTable& table;
  Stop& stop;
  const net::RepeatedSignal* repeat;   // for the thread that called serve(), under blocking models
  ServerControl* control = nullptr;    // commands; null where nobody gives any, and in children
  const Stop* parents_stop = nullptr;  // of a child: in memory that its parent writes
  std::atomic<bool> failed = false;    // it stopped because it could not go on
  std::atomic<bool> had_enough = false;  // it stopped because a datagram service has returned
  bool drain_told = false;

  /// Looks whether the server is to stop: a child also at what its parent was told.
  void look() noexcept {
    stop.look();
    if (parents_stop != nullptr && parents_stop->begun() && !stop.begun()) stop.begin();
  }
  [[nodiscard]] bool cuts() const noexcept {
    return stop.cuts() || (parents_stop != nullptr && parents_stop->cuts());
  }
  /// A service that takes one client at a time has one.
  [[nodiscard]] bool is_taken() const noexcept { return takes_one() && table.open() != 0; }
  [[nodiscard]] bool takes_one() const noexcept { return service.concurrency == Concurrency::one; }
  void tell_draining() noexcept {
    if (std::exchange(drain_told, true)) return;
    datagrams.close_to_new();
    events.draining(table.open());
  }
  void fail(std::string_view address, const Failure& failure) noexcept {
    events.failed(address, failure);
    failed = true;
    stop.begin();
  }

  void tell_listening() const noexcept {
    for (const Door& door : doors) events.listening(door.address, model, workers, backlog);
    for (const DatagramDoor& door : datagrams.doors)
      events.listening(door.address, model, workers, 0);
  }
};

/// Why `model` cannot run `service` with so many workers; "" if it can.
[[nodiscard]] std::string why_not(const Service& service, const ModelInfo& model, Workers workers);
/// Why this machine cannot run the model, and which is the nearest that it can.
[[nodiscard]] std::string why_not_here(const ModelInfo& model);
/// The same about the kinds of addresses it is to be run at.
[[nodiscard]] std::string why_not_at(const Service& service, const ModelInfo& model,
                                     unsigned workers, bool streams, bool datagrams);

/// Nobody in the queue can be served in time behind the one who stays: they are told so at once.
void turn_away_queued(Server& server, const net::Socket& listener, Transport transport);

/// Each runs until the server has stopped and every connection is gone.
void run_iterative(Server& server);
void run_process_per_connection(Server& server);
void run_prefork(Server& server);
void run_thread_per_connection(Server& server);
void run_thread_pool(Server& server);
void run_event_loops(Server& server);

}  // namespace headrace::models
