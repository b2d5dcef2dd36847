// SPDX-License-Identifier: MIT
//
// The two kinds of ends of a Talk: a person at a terminal, with a line editor, colours and time; or
// a program behind pipes, lines in and lines out.
#pragma once

#include "chat/talk.hpp"
#include "headrace/engine.hpp"

namespace headrace::tool {

/// Whether a person sits at stdin and stdout.
[[nodiscard]] bool is_at_terminal() noexcept;

/// Until the person leaves or the talk ends; the exit status.
[[nodiscard]] int talk_at_terminal(Engine& engine, Talk& talk);

/// Until the end of stdin and of the talk, or a signal; the exit status.
[[nodiscard]] int talk_through_pipes(Engine& engine, Talk& talk);

}  // namespace headrace::tool
