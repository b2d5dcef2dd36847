// SPDX-License-Identifier: MIT
//
// Control: what may be asked of a server while it runs. ControlSource: whoever asks.
#pragma once

#include <cstdint>

#include "headrace/events.hpp"

namespace headrace {

/// A running server, to whoever operates it. Valid for the call it is given to, on its thread.
class Control {
 public:
  virtual ~Control();

  [[nodiscard]] virtual Statistics statistics() const noexcept = 0;

  /// Called once for each connection.
  using Visit = void (*)(void* visitor, const ConnectionView& connection);
  /// Every open connection, in no order. One that comes or goes meanwhile may be left out.
  virtual void list(Visit visit, void* visitor) const = 0;

  /// Closes a connection in both directions (shutdown(2)): the operation it waits in ends as if the
  /// peer had left, and it departs as `Departure::kicked`. False when no open one has that id. Does
  /// not wait for it.
  virtual bool kick(std::uint64_t id) noexcept = 0;

  /// Begins the drain, as SIGTERM does; nothing if it has begun: the end of the commands, which
  /// follows a `stop`, must not cut it short.
  virtual void stop() noexcept = 0;
};

/// Where commands to a running server come from: one more descriptor that it listens to, beside its
/// peers. Under every model.
class ControlSource {
 public:
  virtual ~ControlSource();

  /// Asked once, when the server starts. It stays the source's own.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;

  /// The descriptor is readable: read once, without waiting, and do what it says. False at the end:
  /// it is not looked at again. Called on the thread (in process models: in the process) that
  /// called `serve`, never twice at once.
  virtual bool readable(Control& control) noexcept = 0;
};

}  // namespace headrace
