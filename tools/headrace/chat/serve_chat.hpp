// SPDX-License-Identifier: MIT
//
// `headrace serve chat`: the rooms, and what is told of them.
#pragma once

#include "chat/chat_options.hpp"
#include "headrace/serve.hpp"
#include "log.hpp"

namespace headrace::tool {

/// Serves until it is told to stop. The exit status.
[[nodiscard]] int serve_chat(const ChatArguments& arguments, const ServeOptions& options, Log& log);

}  // namespace headrace::tool
