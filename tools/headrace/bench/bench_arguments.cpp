// SPDX-License-Identifier: MIT
//
// `headrace bench`: its options, and which of them go together.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bench/bench_command.hpp"
#include "bench/environment.hpp"
#include "headrace/address.hpp"
#include "options.hpp"
#include "suggest.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

using bench::BenchOptions, bench::Comparison;

constexpr std::string_view kExamples =
    R"(  headrace bench 7788                                    # 100 connections, 64 B, 5 s
  headrace bench 7788 -c 1000 --size 16KiB -d 10s --verify
  headrace bench 7788 --rate 20000 -d 10s                # latency of messages that are due
  headrace bench 7788 --churn 1                          # connections a second
  headrace bench --compare connections --within 1m       # every model, 10 to 1000 clients
  headrace bench --compare --against 'socat=socat TCP-LISTEN:{port},fork EXEC:cat'
)";

constexpr std::array kComparisons = {Comparison::models, Comparison::connections, Comparison::sizes,
                                     Comparison::workers, Comparison::churn};

Parsed<std::size_t> parse_message_size(std::string_view text) {
  const auto size = parse_size(text);
  if (size && *size == 0) return std::unexpected(std::string{"a message has at least 1 byte"});
  return size;
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Parsed<std::vector<Comparison>> parse_comparisons(std::string_view text) {
  std::vector<std::string_view> names;
  for (const Comparison comparison : kComparisons) names.push_back(bench::to_text(comparison));
  std::vector<Comparison> chosen;
  for (const std::string_view word : split_at_commas(text)) {
    const auto found = std::ranges::find(names, word);
    if (found == names.end()) {
      const std::string guess = did_you_mean(word, names);
      return std::unexpected(fmt::format("'{}' cannot be compared{}", word,
                                         guess.empty() ? "; write " + listed(names, "or") : guess));
    }
    chosen.push_back(kComparisons[static_cast<std::size_t>(found - names.begin())]);
  }
  return chosen;
}

Parsed<std::vector<Model>> parse_models(std::string_view text) {
  std::vector<Model> models;
  for (const std::string_view word : split_at_commas(text)) {
    const auto model = parse_model(word);
    if (!model) return std::unexpected(model.error());
    models.push_back(*model);
  }
  return models;
}

Parsed<bench::Rival> parse_rival(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size())
    return std::unexpected(
        fmt::format("'{}' is no server; write NAME=COMMAND, with {{port}} in the command", text));
  bench::Rival rival{.name = std::string{text.substr(0, equals)},
                     .command = std::string{text.substr(equals + 1)}};
  if (rival.command.find("{port}") == std::string::npos)
    return std::unexpected(fmt::format(
        "'{}' has no {{port}}: the command is told there where to listen", rival.command));
  return rival;
}

void add_load_options(Options& options, BenchOptions& to) {
  options.add(
      "-c,--connections", "N", to.connections, number_from<std::size_t>(1),
      fmt::format("connections, all open at once (default {})", bench::kDefaultConnections));
  options.add("--active", "N", to.active, number_from<std::size_t>(1),
              "of them, those that send; the others are idle (default: all)");
  options.add("--size", "SIZE", to.size, parse_message_size,
              fmt::format("bytes in a message (default {}B)", to.size));
  options.add("-d,--duration", "TIME", to.duration, parse_duration,
              "how long (default 5s, or until -n is reached)");
  options.add("-n,--messages", "N", to.messages, number_from<std::uint64_t>(1),
              "stop when so many are answered");
  options.add("--in-flight", "N", to.in_flight, number_from<std::size_t>(1),
              fmt::format("messages under way on each connection (default {})", to.in_flight));
  options.add("--rate", "N", to.rate, number_from<std::uint64_t>(1),
              "messages a second in all, sent when due; latency counts from then");
  options.add("--churn", "K", to.churn, number_from<std::uint64_t>(1),
              "close a connection after K messages and open another");
  options.add("--ramp", "TIME", to.ramp, parse_duration,
              "open the connections over so long (default: at once)");
  options.add("--warmup", "TIME", to.warm_up, parse_duration,
              "traffic before, which is not counted (default 0s)");
  options.add("--threads", "N", to.threads, number_from<unsigned>(1),
              fmt::format("of the load (default {})", to.threads));
  options.add("--timeout", "TIME", to.timeout, parse_duration,
              fmt::format("to connect, and for an answer (default {})", written(to.timeout)));
  options.add_flag("--verify", to.verify, "look at every byte that comes back");
  options.add("--pid", "PID", to.pid, number_from<pid_t>(1),
              "the server's process (default: whoever listens at ADDR)");
}

void add_comparison_options(Options& options, BenchOptions& to) {
  options.add_optional("--compare", "WHAT", to.compare, parse_comparisons, "models",
                       "start and compare servers of our own (default: models)");
  options.add("--rounds", "N", to.rounds, number_from<unsigned>(1),
              fmt::format("of each, with -d as length of one (default {} of 500ms)", to.rounds));
  options.add("--within", "TIME", to.within, parse_duration,
              "all of it: rounds as long as fits, or fewer (default: no limit)");
  options.add("--models", "NAME,...", to.models, parse_models,
              "which models to compare (default: all that run here)");
  options.add_list("--against", "NAME=CMD", to.rivals, parse_rival,
                   "compare with this server, too; {port} in CMD; may be repeated");
  options.add("--html", "FILE", to.html, as_it_is, "write the report as a page, too");
  options.add_flag("--json", to.json, "the report as JSON");
}

// "7788", "udp://:7788".
std::string objection_to_address(std::string_view text) {
  if (text.starts_with('/'))
    return fmt::format(
        "'{0}' is no address: a path needs 'unix:' before it; did you mean 'unix:{0}'?", text);
  const auto address = Address::parse(text);
  return address ? "" : fmt::format("'{}' is no address: {}", text, address.error().call);
}

// With --compare the argument is what to compare: no address is needed.
int compare(const Options& options, BenchOptions& bench) {
  if (!bench.address.empty()) {
    auto what = parse_comparisons(bench.address);
    if (!what) return options.complain_about("--compare: " + what.error());
    bench.compare = std::move(*what);
  }
  if (bench.messages || bench.rate || bench.pid || bench.threads > 1)
    return options.complain_about(
        "--compare: without -n, --rate, --pid and --threads: each round is a fixed time");
  if (const std::string objection = bench::objection_to(bench); !objection.empty())
    return options.complain_about(objection);
  return bench::run_comparison(bench);
}

int load(const Options& options, const BenchOptions& bench) {
  if (bench.address.empty())
    return options.complain_about("which ADDR? Write e.g. 'headrace bench 7788'");
  if (!bench.rivals.empty() || !bench.models.empty() || bench.within)
    return options.complain_about("--against, --models and --within are for --compare");
  if (const std::string objection = objection_to_address(bench.address); !objection.empty())
    return options.complain_about(objection);
  return bench::run_bench(bench);
}

}  // namespace

int bench_command(const Words& words) {
  BenchOptions bench;
  bench.command = "headrace bench";
  for (const std::string& word : words) bench.command += ' ' + bench::shell_word(word);
  Options options{
      "bench",
      {.examples = kExamples,
       .description =
           "Sends messages to the echo server at ADDR, each when the one before it is answered,\n"
           "and reports rate, latency and, when the server runs here, what it costs. With\n"
           "--compare it starts headrace under each model in turn and says which did most.\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT, unix:/PATH, udp://HOST:PORT.\n"
           "SIZE: 64, 16KiB, 1MiB.  TIME: 500ms, 5s, 2m.  WHAT: models, connections, sizes,\n"
           "workers, churn; several with commas. headrace-bench(1) explains figures and errors."}};
  options.add_argument("address", bench.address, as_it_is);
  add_load_options(options, bench);
  add_comparison_options(options, bench);
  return options.parse_and_run(words, [&] {
    return bench.compare.empty() ? load(options, bench) : compare(options, bench);
  });
}

}  // namespace headrace::tool
