// SPDX-License-Identifier: MIT
//
// Service: what is done with a connected peer, or at a datagram socket; written once and run under
// every model.
#pragma once

#include <cstdint>
#include <memory>

#include "headrace/datagram.hpp"
#include "headrace/stream.hpp"
#include "headrace/task.hpp"

namespace headrace {

/// What a service cannot do without. A model that lacks it refuses, naming those that have it.
enum class Needs : std::uint8_t {
  nothing,
  shared_memory,
  company,  ///< the same, and any number of clients at once, for as long as they like to stay
};

/// How many clients a service can serve at once. `one`: under every model the next client is not
/// accepted before the present one has left; several workers are refused.
enum class Concurrency : std::uint8_t { unlimited, one };

/// A coroutine that serves one peer, with what it needs of its model; or one that serves a datagram
/// socket; or one of each. A plain coroutine function converts to it.
///
/// A datagram socket has no connections: its coroutine is started once in every worker, and runs
/// until a receive fails with `draining` (or it has had enough, which stops the server). Models
/// that make a process or a thread for each connection refuse it.
///
/// `run` is called on the thread (or in the process) that serves the connection; what it reaches
/// beyond its argument must be safe to use from several threads, and outlive the server.
class Service {
 public:
  using Function = Task<> (*)(Stream peer);
  using DatagramFunction = Task<> (*)(Datagram socket);

  Service(Function function) noexcept : plain_{function} {}
  Service(DatagramFunction function) noexcept { with_datagrams(function); }

  /// A function with state of its own: `Service{chat, room}` calls `chat(room, peer)`. Borrows
  /// `state`.
  template <class State>
  Service(Task<> (*function)(State& state, Stream peer), State& state) noexcept
      : state_{&state},
        with_state_{reinterpret_cast<void (*)()>(function)},
        call_{[](const Service& self, Stream peer) {
          return reinterpret_cast<Task<> (*)(State&, Stream)>(self.with_state_)(
              *static_cast<State*>(self.state_), std::move(peer));
        }} {}

  /// What is done at datagram addresses.
  Service& with_datagrams(DatagramFunction function) noexcept {
    datagrams_ = {nullptr, reinterpret_cast<void (*)()>(function),
                  [](const DatagramPart& self, Datagram socket) {
                    return reinterpret_cast<DatagramFunction>(self.function)(std::move(socket));
                  }};
    return *this;
  }
  /// The same with state of its own. Borrows `state`.
  template <class State>
  Service& with_datagrams(Task<> (*function)(State& state, Datagram socket),
                          State& state) noexcept {
    datagrams_ = {&state, reinterpret_cast<void (*)()>(function),
                  [](const DatagramPart& self, Datagram socket) {
                    return reinterpret_cast<Task<> (*)(State&, Datagram)>(self.function)(
                        *static_cast<State*>(self.state), std::move(socket));
                  }};
    return *this;
  }

  Service& needing(Needs what) noexcept {
    needs = what;
    return *this;
  }
  Service& serving(Concurrency how_many) noexcept {
    concurrency = how_many;
    return *this;
  }

  [[nodiscard]] Task<> run(Stream peer) const { return call_(*this, std::move(peer)); }
  [[nodiscard]] Task<> run_datagrams(Datagram socket) const {
    return datagrams_.call(datagrams_, std::move(socket));
  }
  [[nodiscard]] bool has_streams() const noexcept {
    return plain_ != nullptr || with_state_ != nullptr;
  }
  [[nodiscard]] bool has_datagrams() const noexcept { return datagrams_.call != nullptr; }

  Needs needs = Needs::nothing;
  Concurrency concurrency = Concurrency::unlimited;

 private:
  struct DatagramPart {
    void* state = nullptr;
    void (*function)() = nullptr;
    Task<> (*call)(const DatagramPart& self, Datagram socket) = nullptr;
  };

  Function plain_ = nullptr;
  void* state_ = nullptr;
  void (*with_state_)() = nullptr;
  Task<> (*call_)(const Service&, Stream) = [](const Service& self, Stream peer) {
    return self.plain_(std::move(peer));
  };
  DatagramPart datagrams_{};
};

}  // namespace headrace
