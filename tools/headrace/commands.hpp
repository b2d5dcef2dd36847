// SPDX-License-Identifier: MIT
//
// The commands of headrace as its help shows them: names, one line each, examples. What their
// options are is said where they are parsed (command_line.cpp).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::tool {

/// A row of the table of commands. Static storage.
struct Command {
  std::string_view name;
  std::string_view arguments;  ///< as in a usage line: "SERVICE"
  std::string_view summary;    ///< one line
  std::string_view examples;   ///< lines, indented; each works as it stands
  bool built;                  ///< this version has it
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
