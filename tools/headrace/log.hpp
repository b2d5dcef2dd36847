// SPDX-License-Identifier: MIT
//
// Log: one line a happening, on stderr, as text for a person or as JSON for a program. It never
// makes the server wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace headrace::tool {

enum class LogFormat : std::uint8_t { text, json };

/// How much a line matters. `detail` is what `-v` adds.
enum class Level : std::uint8_t { detail, info, warning, error };

/// "debug", "info", "warning", "error": as most log collectors spell them.
[[nodiscard]] std::string_view to_text(Level level) noexcept;

/// Lines to one descriptor. Any thread. See Outlet for what happens when nobody reads.
class Log {
 public:
  /// Borrows `descriptor`. Lines below `least` are not made at all.
  Log(int descriptor, LogFormat format, Level least);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  [[nodiscard]] bool wants(Level level) const noexcept { return level >= least_; }

  /// Writes the line that `make` returns, without newline. A line for which there is no memory is
  /// lost.
  template <class Make>
  void say(Level level, const Make& make) noexcept {
    if (!wants(level)) return;
    try {
      write(level, make());
    } catch (const std::exception&) {  // std::bad_alloc: the server matters more than its log
    }
  }

  /// Waits half a second at most for what has not gone out yet.
  void finish() noexcept;

  /// Columns of the terminal that the lines go to; 80 where they go elsewhere.
  [[nodiscard]] std::size_t columns() const noexcept;

 private:
  void write(Level level, std::string_view line);

  int descriptor_;
  Level least_;
  std::shared_ptr<spdlog::logger> logger_;
};

/// "2026-01-31T23:59:59.999Z".
[[nodiscard]] std::string now_as_iso8601();

/// Whether a person looks at `descriptor` and has not asked for plain text (NO_COLOR, TERM=dumb).
[[nodiscard]] bool wants_colour(int descriptor) noexcept;

}  // namespace headrace::tool
