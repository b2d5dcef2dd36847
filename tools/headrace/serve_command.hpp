// SPDX-License-Identifier: MIT
//
// `headrace serve SERVICE`: what the user asked for, and the one call that does it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_options.hpp"
#include "headrace/serve.hpp"
#include "headrace/services.hpp"
#include "log.hpp"

namespace headrace::tool {

/// The options of `headrace serve`, already values; the initial values are what its help shows.
struct ServeArguments {
  std::string service;
  std::vector<std::string> listen;  ///< empty: what `options` says
  ServeOptions options;             ///< all but `listen` and `events`
  services::DatagramRules::Options rules{};
  std::optional<Deadline> idle_timeout;  ///< none: as the service likes it
  ChatArguments chat;
  LogFormat log_format = LogFormat::text;
  bool verbose = false;
  bool interactive = false;  ///< takes commands from standard input
};

/// Serves until it is told to stop. The exit status: 0; 1 when it could not start or go on.
[[nodiscard]] int run_serve(const ServeArguments& arguments);

}  // namespace headrace::tool
