// SPDX-License-Identifier: MIT
//
// A client of the simulation: a small state machine with habits of its own, which connects, sends
// its pattern, takes what comes back at its own pace, and ends as it likes: by FIN, close, RST, or
// by never doing anything again.
#pragma once

#include <cstdint>

#include "kernel.hpp"

namespace headrace::simulation {

enum class Ending : std::uint8_t {
  half_close,  // FIN behind the last byte, then reads on
  close,       // at some byte, whatever comes back
  reset,       // RST at some byte
  vanish,      // at some byte does nothing more, for ever
  stay,        // reads everything, then waits for the server
};

struct Habits {
  std::uint64_t bytes = 0;      // to send in all; until the ending
  std::int64_t most_sent = 1;   // at once
  std::int64_t most_taken = 1;  // at once
  std::int64_t most_paused = 1;
  std::uint64_t urgent_at = 0;  // sends an urgent byte behind so many; 0: none
  bool takes_turns = false;     // sends only when everything has come back
  bool reads = true;
  Ending ending = Ending::half_close;
};

class Peer final : public Actor, public FarEnd {
 public:
  Peer(Kernel& kernel, std::uint32_t number, Habits habits, Capacities room) noexcept
      : kernel_{kernel}, number_{number}, habits_{habits}, room_{room} {}

  void act() override;
  void has_news() noexcept override;
  void has_news_at(std::int64_t time) noexcept override { kernel_.call_at(*this, time); }

  /// Its connection; null before it has one, or if it never got one.
  [[nodiscard]] Connection* stream() const noexcept { return stream_; }

  static Habits any(Random& random) noexcept;

 private:
  enum class State : std::uint8_t { away, talks, finished, gone };

  void connect();
  void take();
  void say();
  void end();
  void leave() noexcept;

  Kernel& kernel_;
  std::uint32_t number_;
  Habits habits_;
  Capacities room_;
  State state_ = State::away;
  Connection* stream_ = nullptr;
  std::uint64_t said_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t sent_when_left_ = 0;  // by the server
  int tries_ = 0;
  bool vanished_ = false;
};

}  // namespace headrace::simulation
