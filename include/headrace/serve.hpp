// SPDX-License-Identifier: MIT
//
// serve(): a service, under a model, at some addresses, until it is told to stop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "headrace/control.hpp"
#include "headrace/events.hpp"
#include "headrace/listener.hpp"
#include "headrace/model.hpp"
#include "headrace/service.hpp"

namespace headrace {

/// One address or several, as `Address::parse` takes them. Borrows the texts.
class AddressList {
 public:
  AddressList(const char* one) noexcept : one_{one} {}
  AddressList(std::string_view one) noexcept : one_{one} {}
  AddressList(std::span<const std::string_view> many) noexcept;

  [[nodiscard]] std::span<const std::string_view> texts() const noexcept;

 private:
  std::string_view one_{};
  const std::string_view* many_ = nullptr;  // null: the one
  std::size_t count_ = 1;
};

/// A number, or no limit, or what suits the machine.
class Limit {
 public:
  constexpr Limit(std::uint32_t number) noexcept : value_{number} {}
  [[nodiscard]] static constexpr Limit none() noexcept { return Limit{Special::none}; }
  [[nodiscard]] static constexpr Limit automatic() noexcept { return Limit{Special::automatic}; }
  [[nodiscard]] constexpr bool is_none() const noexcept { return is(Special::none); }
  [[nodiscard]] constexpr bool is_automatic() const noexcept { return is(Special::automatic); }
  [[nodiscard]] constexpr std::uint32_t number() const noexcept {
    return static_cast<std::uint32_t>(value_);
  }

 private:
  enum class Special : std::int64_t { none = -1, automatic = -2 };  // no number is one of these
  explicit constexpr Limit(Special value) noexcept : value_{static_cast<std::int64_t>(value)} {}
  [[nodiscard]] constexpr bool is(Special value) const noexcept {
    return value_ == static_cast<std::int64_t>(value);
  }

  std::int64_t value_;
};

/// Loops, threads or children, as the model counts them.
class Workers {
 public:
  constexpr Workers(unsigned count) noexcept : count_{count} {}
  /// What the table of models says.
  [[nodiscard]] static constexpr Workers by_model() noexcept { return Workers{kByModel}; }
  /// One for each core the process may run on; for event loops only.
  [[nodiscard]] static constexpr Workers automatic() noexcept { return Workers{kAutomatic}; }
  [[nodiscard]] constexpr bool is_by_model() const noexcept { return count_ == kByModel; }
  [[nodiscard]] constexpr bool is_automatic() const noexcept { return count_ == kAutomatic; }
  [[nodiscard]] constexpr unsigned count() const noexcept { return count_; }

 private:
  static constexpr unsigned kByModel = ~0U;
  static constexpr unsigned kAutomatic = ~0U - 1;
  unsigned count_;
};

/// Stops a server from another thread of the same process, as SIGTERM does. Outlives the `serve` it
/// was given to.
class Stopper {
 public:
  Stopper();
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;
  ~Stopper();

  /// Begins the drain; a second call ends it at once. Any thread, also before `serve` has begun.
  void stop() noexcept;

  /// For poll(2): readable once for each call of `stop`.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// For `serve` only: what wakes a serving thread that blocks.
  void interrupts(const void* repeat) noexcept;

 private:
  struct Target;
  Target* target_;  // owned
  int descriptor_;
};

struct ServeOptions {
  AddressList listen = "tcp://127.0.0.1:7788";
  Model model = Model::epoll_edge;
  Workers workers = Workers::by_model();
  Backlog backlog{};
  /// Connections at once; more are accepted and closed. Automatic: the descriptor limit, raised to
  /// the hard one, less 64. None: as many as there are descriptors (a million at most); then
  /// accepting pauses, and who comes waits in the backlog.
  Limit max_connections = Limit::automatic();
  /// The same for one peer address. Automatic: 256, but none for loopback and Unix peers.
  Limit max_per_address = Limit::automatic();
  /// A connection on which no byte moves for so long gets `timed_out` from the operation it waits
  /// in.
  Deadline idle_timeout = Deadline::after(std::chrono::minutes{10});
  /// How long connections may take to end once the server is told to stop; what is left is cut.
  std::chrono::nanoseconds drain = std::chrono::seconds{5};
  Deadline statistics_every = Deadline::never();
  /// SIGTERM, SIGINT and, where there is a terminal, SIGHUP begin the drain, a second one ends it
  /// at once; SIGPIPE is not raised. False: leave them alone.
  bool handle_signals = true;
  Stopper* stopper = nullptr;
  /// Null: nobody gives commands while the server runs.
  ControlSource* control = nullptr;
  ServerEvents* events = &plain_events();
};

/// Serves until SIGTERM, SIGINT or the stopper, then drains: what was received is answered, what
/// does not end in time is cut and counted. Returns the exit status: 0 after a stop, also with
/// cuts; 1 when it could not start or go on; 2 for options that make no sense. Why is told to
/// `events`.
///
/// Uses the calling thread. One `serve` with `handle_signals` at a time in a process. Blocking
/// models use SIGURG to interrupt their threads. See docs/architecture.md.
[[nodiscard]] int serve(const Service& service, const ServeOptions& options = {});

}  // namespace headrace
