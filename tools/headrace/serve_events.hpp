// SPDX-License-Identifier: MIT
//
// What a running server says, in one of two forms: sentences, or JSON objects.
#pragma once

#include <chrono>
#include <memory>

#include "headrace/events.hpp"
#include "log.hpp"

namespace headrace::tool {

/// Sentences for a person, as the seeds of this project printed them. Borrows `log`. `comings` is
/// how much arrivals and departures matter.
[[nodiscard]] std::unique_ptr<ServerEvents> make_text_events(Log& log,
                                                             std::chrono::nanoseconds drain,
                                                             Level comings = Level::detail);

/// One JSON object a line: `time`, `level`, `event` and the event's fields. Borrows `log`.
[[nodiscard]] std::unique_ptr<ServerEvents> make_json_events(Log& log,
                                                             std::chrono::nanoseconds drain,
                                                             Level comings = Level::detail);

/// "timed out", "cut by the drain"; "" for a connection that ended by itself.
[[nodiscard]] std::string_view to_text(Departure how) noexcept;

/// The option that turned a peer away, or what was missing.
[[nodiscard]] std::string_view to_text(Refusal why) noexcept;

}  // namespace headrace::tool
