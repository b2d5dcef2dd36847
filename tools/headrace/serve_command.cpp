// SPDX-License-Identifier: MIT
//
// `headrace serve`: a log, a form for what is said in it, and the library's serve().
#include "serve_command.hpp"

#include <csignal>
#include <memory>

#include <unistd.h>

#include "headrace/services.hpp"
#include "serve_events.hpp"

namespace headrace::tool {

int run_serve(const ServeArguments& arguments) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may leave
  Log log{STDERR_FILENO, arguments.log_format, arguments.verbose ? Level::detail : Level::info};
  const auto make_events =
      arguments.log_format == LogFormat::json ? make_json_events : make_text_events;
  const std::unique_ptr<ServerEvents> events = make_events(log, arguments.options.drain);

  ServeOptions options = arguments.options;
  const std::vector<std::string_view> texts{arguments.listen.begin(), arguments.listen.end()};
  if (!texts.empty()) options.listen = std::span{texts};
  options.events = events.get();
  return serve(services::echo, options);
}

}  // namespace headrace::tool
