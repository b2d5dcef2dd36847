// SPDX-License-Identifier: MIT
//
// Parsing, with CLI11: this is the only file that includes it, because that costs seconds.
//
// Each command has a CLI::App of its own. CLI11 splits the arguments; what a value means is decided
// by values.hpp and units.hpp, and what to say about a word that nobody knows is decided here. The
// help is made from the same options that are parsed, so it cannot leave one out.
#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/bench_command.hpp"
#include "commands.hpp"
#include "headrace/model.hpp"
#include "models_command.hpp"
#include "output.hpp"
#include "serve_command.hpp"
#include "suggest.hpp"
#include "units.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

// Help.

std::string names_of(const CLI::Option& option) {
  const auto& shorts = option.get_snames();
  const auto& longs = option.get_lnames();
  std::string text =
      shorts.empty() ? "    " : fmt::format("-{}{} ", shorts[0], longs.empty() ? " " : ",");
  if (!longs.empty()) text += "--" + longs[0];
  return option.get_type_name().empty() ? text : text + " " + option.get_type_name();
}

class HelpPage final : public CLI::FormatterBase {
 public:
  explicit HelpPage(const Command& command) : command_{command} {}

  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    std::string page =
        fmt::format("Examples:\n{}\nUsage: headrace {}{}{} [OPTION...]\n\n", command_.examples,
                    command_.name, command_.arguments.empty() ? "" : " ", command_.arguments);
    page += app->get_description() + "\n\nOptions:\n";
    for (const CLI::Option* option : app->get_options())
      if (!option->get_positional())
        page += fmt::format("  {:<26} {}\n", names_of(*option), option->get_description());
    return page + app->get_footer();
  }

 private:
  const Command& command_;
};

// Options.

using Words = std::vector<std::string>;

void dress(CLI::App& app, const Command& command, std::string description) {
  app.description(std::move(description));
  app.formatter(std::make_shared<HelpPage>(command));
  app.set_help_flag("-h,--help", "show this");
  app.allow_extras();
}

// An option whose words `parse` turns into a value for `target`. The last one counts.
template <class Value, class Parse>
CLI::Option* add(CLI::App& app, const std::string& names, const std::string& type, Value& target,
                 const Parse& parse, const std::string& description) {
  const auto take = [&target, parse, names](const CLI::results_t& words) {
    auto value = parse(words.back());
    const std::size_t option = names.find("--");  // an argument without dashes has a plain name
    if (!value)
      throw CLI::ValidationError(names.substr(option == std::string::npos ? 0 : option),
                                 value.error());
    target = std::move(*value);
    return true;
  };
  return app.add_option(names, take, description)
      ->type_name(type)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// A repeatable option; each use adds a word.
template <class Parse>
void add_list(CLI::App& app, const std::string& name, const std::string& type, Words& target,
              const Parse& parse, const std::string& description) {
  const auto take = [&target, parse, name](const CLI::results_t& words) {
    for (const std::string& word : words) {
      auto value = parse(word);
      if (!value) throw CLI::ValidationError(name, value.error());
      target.push_back(std::move(*value));
    }
    return true;
  };
  app.add_option(name, take, description)
      ->type_name(type)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

template <class Number>
auto number_from(std::uint64_t least) {
  return [least](std::string_view text) -> Parsed<Number> {
    const auto count = parse_count(text, least, std::numeric_limits<Number>::max());
    if (!count) return std::unexpected(count.error());
    return static_cast<Number>(*count);
  };
}

Parsed<std::size_t> parse_message_size(std::string_view text) {
  const auto size = parse_size(text);
  if (size && *size == 0) return std::unexpected(std::string{"a message has at least 1 byte"});
  return size;
}

Parsed<std::string> as_it_is(std::string_view text) { return std::string{text}; }

// Words that nobody knows.

struct Slip {
  std::string_view typed, meant;
};

// What users of other programs type.
constexpr std::array kSlips{
    Slip{"--port", "--listen"},         Slip{"-p", "--listen"},
    Slip{"--bind", "--listen"},         Slip{"--host", "--listen"},
    Slip{"--address", "--listen"},      Slip{"-l", "--listen"},
    Slip{"--threads", "--workers"},     Slip{"--processes", "--workers"},
    Slip{"--engine", "--model"},        Slip{"--timeout", "--idle-timeout"},
    Slip{"--clients", "--connections"}, Slip{"--time", "--duration"},
    Slip{"--requests", "--messages"},   Slip{"--bytes", "--size"},
};

std::vector<std::string_view> option_names(const std::vector<std::string>& owned) {
  return {owned.begin(), owned.end()};
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// "; did you mean '--listen 8080'?": with `value` where a port was meant as an address.
std::string suggest_option(const CLI::App& app, const std::string& typed,
                           const std::string& value) {
  const std::vector<std::string> known = options_of(app);
  for (const Slip& slip : kSlips) {
    if (slip.typed != typed || std::ranges::find(known, slip.meant) == known.end()) continue;
    const bool is_port = slip.meant == "--listen" && parse_count(value, 0, 65535).has_value();
    return fmt::format("; did you mean '{}{}{}'?", slip.meant, is_port ? " " : "",
                       is_port ? value : "");
  }
  return did_you_mean(typed, option_names(known));
}

int complain_about(const Command& command, const std::string& sentence) {
  return complain(fmt::format("{0}: {1} (see 'headrace help {0}')", command.name, sentence),
                  kWrongUsage);
}

int complain_about_rest(const Command& command, const CLI::App& app, const Words& words,
                        const Words& rest) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (!rest[i].starts_with('-')) continue;
    // CLI11 has taken the flag of "-v=3" and left "-=3".
    if (std::ranges::find(words, "-v" + rest[i].substr(1)) != words.end())
      return complain_about(command, "-v takes no value");
    const std::size_t equals = rest[i].find('=');
    const std::string typed = rest[i].substr(0, equals);
    if (command.name == "bench" && typed == "--compare")
      return complain_about(command, "'--compare' is not in this version yet");
    const std::string value = equals != std::string::npos ? rest[i].substr(equals + 1)
                              : i + 1 < rest.size()       ? rest[i + 1]
                                                          : "";
    return complain_about(
        command, fmt::format("no option '{}'{}", typed, suggest_option(app, typed, value)));
  }
  return complain_about(command, fmt::format("'{}' is one argument too many", rest.front()));
}

// In CLI11's: "--listen: 1 required ADDR missing", "verbose was given a disallowed flag override".
std::string in_our_words(const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) return text;
  if (text.ends_with("flag override"))
    return fmt::format("--{} takes no value", text.substr(0, text.find(' ')));
  return text.substr(0, text.find(':')) + " needs a value";
}

// Parses, then runs what was asked for.
int parse_and_run(const Command& command, CLI::App& app, const Words& words,
                  const std::function<int()>& run) {
  try {
    app.parse(Words{words.rbegin(), words.rend()});  // CLI11 takes them from the back
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::ParseError& error) {
    return complain_about(command, in_our_words(error));
  }
  if (const Words rest = app.remaining(); !rest.empty())
    return complain_about_rest(command, app, words, rest);
  return run();
}

// Commands.

std::string model_names() {
  std::string text = "\nModels:";
  for (const ModelInfo& model : all_models())
    text += fmt::format("{} {}{}", model.name == "polling" ? "\n       " : "", model.name,
                        model.built ? "" : "*");
  return text + "\n         (* not in this version yet; 'headrace models' says more)\n";
}

void add_serve_options(CLI::App& app, ServeArguments& to) {
  ServeOptions& options = to.options;
  const std::string default_address{ServeOptions{}.listen.texts().front()};
  add_list(app, "--listen", "ADDR", to.listen, parse_stream_address,
           fmt::format("where; may be repeated (default {})", default_address));
  add(app, "--model", "NAME", options.model, parse_model,
      fmt::format("how connections are served (default {})", info(options.model).name));
  add(app, "--workers", "N|auto", options.workers, parse_workers,
      "loops (default 1, auto: one a core), children or threads (default 32)");
  add(app, "--backlog", "N", options.backlog.connections, number_from<int>(1),
      fmt::format("connections that may wait to be accepted (default {})",
                  options.backlog.connections));
  add(app, "--max-connections", "N", options.max_connections, parse_limit,
      "at once; none: while descriptors last (default: descriptor limit - 64)");
  add(app, "--max-per-address", "N", options.max_per_address, parse_limit,
      "from one address (default 256, none for loopback, Unix)");
  add(app, "--idle-timeout", "TIME", options.idle_timeout, parse_idle_timeout,
      "no byte moves for so long: closed; or never (default 10m)");
  add(app, "--drain", "TIME", options.drain, parse_duration,
      fmt::format("for connections to end after SIGTERM (default {})", written(options.drain)));
  add(app, "--stats", "TIME", options.statistics_every, parse_interval,
      "a line of counts so often, e.g. 10s (default off)");
  add(app, "--log-format", "FORMAT", to.log_format, parse_log_format,
      "text or json, on stderr (default text)");
  app.add_flag("--interactive", to.interactive,
               "take commands on stdin: stats, list, kick ID, quit")
      ->disable_flag_override();
  app.add_flag("-v,--verbose", to.verbose, "log each arrival, message and departure")
      ->disable_flag_override();
}

int serve_command(const Command& command, const Words& words) {
  ServeArguments arguments;
  std::string service;
  CLI::App app;
  dress(app, command,
        "Runs SERVICE until SIGTERM or Ctrl-C, which drain; a second one ends it at once.\n"
        "SERVICE: echo; discard (throws all away); reply (\"has recv:\" and what came, once);\n"
        "talk (you answer on stdin, one client after another).  Not in this version yet: chat.\n"
        "ADDR: tcp://HOST:PORT, HOST:PORT, PORT (loopback), *:PORT, unix:/PATH, unix:@NAME.");
  app.footer(model_names());
  add(app, "service", "SERVICE", service, as_it_is, "");
  add_serve_options(app, arguments);
  return parse_and_run(command, app, words, [&] {
    if (service.empty())
      return complain_about(command,
                            "which SERVICE? This version has echo, discard, reply and talk");
    const auto known = parse_service(service);
    if (!known) return complain_about(command, known.error());
    const auto workers = check_workers(arguments.options.workers, arguments.options.model);
    if (!workers) return complain_about(command, "--workers: " + workers.error());
    const auto alone = check_one_at_a_time(*known, *workers);
    if (!alone) return complain_about(command, "--workers: " + alone.error());
    if (*known == "talk" && arguments.interactive)
      return complain_about(command, "--interactive: what is typed goes to the client of talk");
    arguments.service = *known;
    return run_serve(arguments);
  });
}

void add_bench_options(CLI::App& app, bench::BenchOptions& to) {
  add(app, "-c,--connections", "N", to.connections, number_from<std::size_t>(1),
      fmt::format("connections, all open at once (default {})", to.connections));
  add(app, "--size", "SIZE", to.size, parse_message_size,
      fmt::format("bytes in a message (default {}B)", to.size));
  add(app, "-d,--duration", "TIME", to.duration, parse_duration,
      "how long (default 5s, or until -n is reached)");
  add(app, "-n,--messages", "N", to.messages, number_from<std::uint64_t>(1),
      "stop when so many are answered");
  add(app, "--in-flight", "N", to.in_flight, number_from<std::size_t>(1),
      fmt::format("messages under way on each connection (default {})", to.in_flight));
  add(app, "--timeout", "TIME", to.timeout, parse_duration,
      fmt::format("to connect, and for an answer (default {})", written(to.timeout)));
  app.add_flag("--verify", to.verify, "look at every byte that comes back")
      ->disable_flag_override();
  app.add_flag("--json", to.json, "the report as JSON")->disable_flag_override();
}

int bench_command(const Command& command, const Words& words) {
  bench::BenchOptions options;
  CLI::App app;
  dress(app, command,
        "Sends messages to the echo server at ADDR, each when the one before it is answered,\n"
        "and reports rate, latency and, when the server runs here, its CPU time per message.\n"
        "ADDR: tcp://HOST:PORT, HOST:PORT, PORT, unix:/PATH.  SIZE: 64, 16KiB, 1MiB.  TIME: 500ms, "
        "5s, 2m.\n"
        "Errors: missing (no full answer came), surplus (more came back than was sent), corrupt\n"
        "(with --verify), closed or reset by the server; headrace-bench(1) has them all.");
  add(app, "address", "ADDR", options.address, parse_stream_address, "");
  add_bench_options(app, options);
  return parse_and_run(command, app, words, [&] {
    if (options.address.empty())
      return complain_about(command, "which ADDR? Write e.g. 'headrace bench 7788'");
    return bench::run_bench(options);
  });
}

int models_command(const Command& command, const Words& words) {
  ModelsArguments arguments;
  CLI::App app;
  dress(app, command,
        "Lists every I/O model: who runs a connection (launcher), how a thread waits (engine),\n"
        "workers by default, system calls a message, cost, limit, and whether it runs here;\n"
        "then what this machine allows: descriptors, threads, the longest backlog.");
  app.add_flag("--json", arguments.json, "as JSON")->disable_flag_override();
  return parse_and_run(command, app, words, [&] { return run_models(arguments); });
}

int complain_about_first(const std::string& word) {
  constexpr std::array<std::string_view, 2> kOptions{"--help", "--version"};
  const bool is_option = word.starts_with('-');
  const std::string guess =
      is_option ? did_you_mean(word, kOptions) : did_you_mean(word, known_commands());
  return complain(fmt::format("no {} '{}'{} (see 'headrace help')",
                              is_option ? "option" : "command", word, guess),
                  kWrongUsage);
}

int run_command(const std::string& name, const Words& words) {
  const Command* const command = find_command(name);
  if (command == nullptr) return complain_about_first(name);
  if (command->name == "serve") return serve_command(*command, words);
  if (command->name == "bench") return bench_command(*command, words);
  if (command->name == "models") return models_command(*command, words);
  return complain(fmt::format("'{}' is not in this version yet (see 'headrace help')", name),
                  kWrongUsage);
}

int help_on(const Words& words) {
  const Command* const command = find_command(words.front());
  if (words.size() > 1 && command != nullptr && command->built)
    return complain_about(*command, fmt::format("'{}' is one argument too many", words[1]));
  return run_command(words.front(), {"--help"});
}

}  // namespace

int run_command_line(int count, const char* const* arguments) {
  Words words(arguments + (count > 0 ? 1 : 0), arguments + count);
  if (words.empty()) return print_usage(overview());
  const std::string first = words.front();
  words.erase(words.begin());
  if (first == "--version") return print(fmt::format("headrace {}\n", kVersion));
  if (first == "--help" || first == "-h" || (first == "help" && words.empty()))
    return print(overview());
  if (first == "help") return help_on(words);
  return run_command(first, words);
}

}  // namespace headrace::tool
