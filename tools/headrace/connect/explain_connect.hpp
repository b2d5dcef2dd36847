// SPDX-License-Identifier: MIT
//
// Why a connection could not be made, or ended too soon, as the one line a user reads.
#pragma once

#include <string>

#include "connect/connect_command.hpp"
#include "connect/conversation.hpp"

namespace headrace::tool {

/// "connect to tcp://127.0.0.1:7788: connection refused (connect): nobody listens there; ...".
[[nodiscard]] std::string explain_connect(const ConnectArguments& asked, const Failure& failure);

/// What went wrong in a conversation, the first cause; empty when nothing did.
[[nodiscard]] std::string explain_ending(const ConnectArguments& asked, const Ending& ending);

}  // namespace headrace::tool
