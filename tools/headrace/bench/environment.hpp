// SPDX-License-Identifier: MIT
//
// Where a measurement was made, which a figure means nothing without: kernel, cores and who had
// which, limits, what else the machine was doing, and the command that repeats it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace headrace::bench {

/// Which cores were given to whom; nothing: any.
struct Pinning {
  std::optional<std::vector<int>> server, load;
  /// "server on core 0, load on core 1".
  [[nodiscard]] std::string text() const;
};

struct Environment {
  std::string kernel;          ///< "Linux 6.1.0 x86_64"
  std::vector<int> cores;      ///< that this process may use
  std::string processor;       ///< its name; "" where it is not known
  std::optional<double> load;  ///< of the last minute
  std::string build;           ///< "optimized", "with assertions"
  std::string time;            ///< UTC, ISO 8601
  std::string command;         ///< that repeats the run
  Pinning pinning;
};

/// What this machine and this build are, now.
[[nodiscard]] Environment here(std::string command);

/// One to three lines for a person.
[[nodiscard]] std::string to_text(const Environment& environment);

[[nodiscard]] nlohmann::ordered_json to_json(const Environment& environment);

/// `word` as a shell takes it: quoted where it must be.
[[nodiscard]] std::string shell_word(std::string_view word);

}  // namespace headrace::bench
