// SPDX-License-Identifier: MIT
//
// `headrace serve`: a log, a form for what is said in it, and the library's serve().
#include "serve_command.hpp"

#include <csignal>
#include <memory>
#include <optional>

#include <unistd.h>

#include <fmt/format.h>

#include "chat/serve_chat.hpp"
#include "console.hpp"
#include "headrace/services.hpp"
#include "interactive.hpp"
#include "output.hpp"
#include "serve_events.hpp"

namespace headrace::tool {

namespace {

Service plain_service(std::string_view name, services::DatagramRules& rules) noexcept {
  if (name == "discard")
    return Service{services::discard}.with_datagrams(services::discard_datagrams);
  if (name == "reply") return services::reply;
  return Service{services::echo}.with_datagrams(services::echo_datagrams, rules);
}

// A person at a terminal is told what may be typed; a program that writes to us knows.
void say_how_to_use(const ServeArguments& arguments, Log& log) {
  if (arguments.log_format != LogFormat::text || ::isatty(STDIN_FILENO) == 0) return;
  if (arguments.service == "talk")
    log.say(Level::info, [] { return "type a line to answer; Ctrl-D ends"; });
  else if (arguments.interactive)
    log.say(Level::info, [] { return "commands: stats, list, kick ID, quit, help"; });
}

// The operator wants to know who is there: arrivals and departures are no detail here.
int run_talk(ServeOptions options, Log& log, LogFormat format) {
  Stopper stopper;
  Console console{stopper, log, format};
  services::Operator& person = console;
  options.stopper = &stopper;
  const int status = serve(Service{services::talk, person}.serving(Concurrency::one), options);
  const auto shown = console.showing();
  if (shown) return status;
  return complain(fmt::format("write to stdout: {}", shown.error().reason()), kFailed);
}

}  // namespace

int run_serve(const ServeArguments& arguments) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may leave
  Log log{STDERR_FILENO, arguments.log_format, arguments.verbose ? Level::detail : Level::info};
  const bool talks = arguments.service == "talk";
  const auto make_events =
      arguments.log_format == LogFormat::json ? make_json_events : make_text_events;
  say_how_to_use(arguments, log);
  const std::unique_ptr<ServerEvents> events =
      make_events(log, arguments.options.drain, talks ? Level::info : Level::detail);

  ServeOptions options = arguments.options;
  const std::vector<std::string_view> texts{arguments.listen.begin(), arguments.listen.end()};
  if (!texts.empty()) options.listen = std::span{texts};
  options.events = events.get();
  std::optional<InteractiveInput> commands;
  if (arguments.interactive) options.control = &commands.emplace();
  if (arguments.service == "chat") return serve_chat(arguments.chat, options, log);
  services::DatagramRules rules{arguments.rules};
  return talks ? run_talk(options, log, arguments.log_format)
               : serve(plain_service(arguments.service, rules), options);
}

}  // namespace headrace::tool
