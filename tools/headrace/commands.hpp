// SPDX-License-Identifier: MIT
//
// The commands of headrace: a name, a line of help, a function. Options and examples are each
// command's own (options.hpp).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::tool {

/// Arguments as they were typed.
using Words = std::vector<std::string>;

// What each command does with its words: an exit status. One is defined beside its options.
[[nodiscard]] int serve_command(const Words& words);
[[nodiscard]] int connect_command(const Words& words);
[[nodiscard]] int send_command(const Words& words);
[[nodiscard]] int receive_command(const Words& words);
[[nodiscard]] int chat_command(const Words& words);
[[nodiscard]] int bench_command(const Words& words);
[[nodiscard]] int watch_command(const Words& words);
[[nodiscard]] int models_command(const Words& words);

/// A row of the table of commands. Static storage.
struct Command {
  std::string_view name;
  std::string_view arguments;  ///< as in a usage line: "SERVICE"
  std::string_view summary;    ///< one line
  int (*run)(const Words&);    ///< null: not in this version yet
};

/// Every command there is or will be, in the order of the manual.
[[nodiscard]] const std::array<Command, 8>& all_commands() noexcept;

/// By name; null when there is none of that name.
[[nodiscard]] const Command* find_command(std::string_view name) noexcept;

/// Names of the commands that this version has, and `help`.
[[nodiscard]] std::vector<std::string_view> known_commands();

/// What `headrace --help` prints.
[[nodiscard]] std::string overview();

inline constexpr std::string_view kVersion = HEADRACE_VERSION;  // the build says it

}  // namespace headrace::tool
