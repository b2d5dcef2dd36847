// SPDX-License-Identifier: MIT
//
// The command line: from arguments to a command with its options, or to a sentence about what is
// wrong with them.
#pragma once

namespace headrace::tool {

/// Does what the command line says; the exit status of the program: 0 done, 1 failed, 2 wrong
/// usage.
[[nodiscard]] int run_command_line(int count, const char* const* arguments);

}  // namespace headrace::tool
