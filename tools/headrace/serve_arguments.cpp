// SPDX-License-Identifier: MIT
//
// `headrace serve`: its options, and which of them go together.
#include <fmt/format.h>

#include "headrace/model.hpp"
#include "options.hpp"
#include "serve_command.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kExamples =
    R"(  headrace serve echo                                    # on tcp://127.0.0.1:7788
  headrace serve echo --model thread -v                  # each arrival, message, departure
  headrace serve echo --listen '*:7788' --listen unix:/tmp/echo.sock
  headrace serve echo --listen udp://:7788 --rate-limit 100 -v
  headrace serve chat --listen '*:7788'                  # then: nc HOST 7788
)";

std::string model_names() {
  std::string text = "\nModels:";
  for (const ModelInfo& model : all_models())
    text += fmt::format("{} {}", model.name == "polling" ? "\n       " : "", model.name);
  return text + "\n         ('headrace models' says more)\n";
}

void add_serve_options(Options& options, ServeArguments& to) {
  ServeOptions& server = to.options;
  const std::string default_address{ServeOptions{}.listen.texts().front()};
  options.add_list("--listen", "ADDR", to.listen, parse_address_with_encoding,
                   fmt::format("where; may be repeated (default {})", default_address));
  options.add("--model", "NAME|auto", server.model, parse_model_or_auto,
              fmt::format("how connections are served (default {})", info(server.model).name));
  options.add("--workers", "N|auto", server.workers, parse_workers,
              "loops (default 1, auto: one a core), children or threads (default 32)");
  options.add("--backlog", "N", server.backlog.connections, number_from<int>(1),
              fmt::format("connections that may wait to be accepted (default {})",
                          server.backlog.connections));
  options.add("--max-connections", "N", server.max_connections, parse_limit,
              "at once; none: while descriptors last (default: descriptor limit - 64)");
  options.add("--max-per-address", "N", server.max_per_address, parse_limit,
              "from one address (default 256, none for loopback, Unix)");
  options.add("--idle-timeout", "TIME", to.idle_timeout, parse_idle_timeout,
              "no byte moves for so long: closed; chat: never (default 10m)");
  options.add(
      "--drain", "TIME", server.drain, parse_duration,
      fmt::format("for connections to end after SIGTERM (default {})", written(server.drain)));
  options.add("--stats", "TIME", server.statistics_every, parse_interval,
              "a line of counts so often, e.g. 10s (default off)");
  options.add("--log-format", "FORMAT", to.log_format, parse_log_format,
              "text or json, on stderr (default text)");
  options.add("--rate-limit", "N", to.rules.most_each, number_from<std::uint32_t>(1),
              "a second: answers to one host; chat: lines of a member (default off)");
  options.add_flag("--allow-reflect", to.rules.allow_reflect,
                   "answer ports below 1024, itself and other echo servers, too");
  options.add_flag("--interactive", to.interactive,
                   "take commands on stdin: stats, list, kick ID, quit");
  options.add_flag("-v,--verbose", to.verbose, "log each arrival, message and departure");
  add_chat_options(options, to.chat);
}

// Whether what was asked for can be; then runs it.
int check_and_serve(const Options& options, const std::string& service, ServeArguments& arguments) {
  if (service.empty())
    return options.complain_about("which SERVICE? There are echo, discard, reply, talk and chat");
  const auto known = parse_service(service);
  if (!known) return options.complain_about(known.error());
  const auto workers = check_workers(arguments.options.workers, arguments.options.model);
  if (!workers) return options.complain_about("--workers: " + workers.error());
  const auto alone = check_one_at_a_time(*known, *workers);
  if (!alone) return options.complain_about("--workers: " + alone.error());
  if (*known == "talk" && arguments.interactive)
    return options.complain_about("--interactive: what is typed goes to the client of talk");
  if (arguments.rules.most_each != 0) arguments.chat.rate_limit = arguments.rules.most_each;
  if (const std::string wrong = arguments.chat.why_not(*known); !wrong.empty())
    return options.complain_about(wrong);
  if (const std::string wrong = arguments.chat.take_encodings(*known, arguments.listen);
      !wrong.empty())
    return options.complain_about(wrong);
  if (*known == "chat") arguments.options.idle_timeout = Deadline::never();
  if (arguments.idle_timeout) arguments.options.idle_timeout = *arguments.idle_timeout;
  arguments.service = *known;
  return run_serve(arguments);
}

}  // namespace

int serve_command(const Words& words) {
  ServeArguments arguments;
  std::string service;
  Options options{
      "serve",
      {.examples = kExamples,
       .description =
           "Runs SERVICE until SIGTERM or Ctrl-C, which drain; a second one ends it at once.\n"
           "SERVICE: echo; discard (throws all away); reply (\"has recv:\" and what came, once);\n"
           "talk (you answer on stdin, one client after another); chat (rooms of people with nc).\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT (loopback), *:PORT, unix:/PATH, unix:@NAME;\n"
           "for echo and discard also udp://HOST:PORT and unix-datagram:/PATH.",
       .footer = model_names()}};
  options.add_argument("service", service, as_it_is);
  add_serve_options(options, arguments);
  return options.parse_and_run(words, [&] { return check_and_serve(options, service, arguments); });
}

}  // namespace headrace::tool
