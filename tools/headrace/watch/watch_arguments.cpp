// SPDX-License-Identifier: MIT
//
// `headrace watch`: its options, and which of them go together.
#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "options.hpp"
#include "suggest.hpp"
#include "watch/demo.hpp"
#include "watch/filter.hpp"
#include "watch/sequence.hpp"
#include "watch/watch_command.hpp"

namespace headrace::tool {

namespace {

using watch::Format;
using watch::WatchArguments;

constexpr std::string_view kExamples =
    R"(  headrace watch                                         # every connection, live
  headrace watch :7788                                   # those with that port
  headrace watch state time-wait --once                  # print and end
  headrace watch --sequence :7788 --count 1              # one connection, segment by segment
  headrace watch --demo close                            # who closes first waits: see it
)";

// FILTER is several words: "pid 812 state established".
constexpr std::size_t kMostWords = 8;

// What was typed: what depends on another option is told apart from what was left out.
struct Typed {
  std::array<std::string, kMostWords> words;
  std::optional<Format> format;
};

template <class... Parts>
std::unexpected<std::string> wrong(fmt::format_string<Parts...> form, Parts&&... parts) {
  return std::unexpected(fmt::format(form, std::forward<Parts>(parts)...));
}

Parsed<std::optional<Format>> parse_format(std::string_view text) {
  constexpr std::array<std::string_view, 3> kFormats{"text", "mermaid", "svg"};
  const auto found = std::ranges::find(kFormats, text);
  if (found == kFormats.end())
    return wrong("'{}' is no format; there are {}", text, listed(kFormats, "and"));
  return static_cast<Format>(found - kFormats.begin());
}

Parsed<std::string> parse_demo(std::string_view text) {
  const auto names = watch::demo_names();
  if (std::ranges::find(names, text) != names.end()) return std::string{text};
  const std::string guess = did_you_mean(text, names);
  return wrong("no demo is called '{}'{}", text,
               guess.empty() ? "; there are " + listed(names, "and") : guess);
}

Parsed<std::chrono::nanoseconds> parse_interval_of_view(std::string_view text) {
  using namespace std::chrono_literals;
  const auto interval = parse_duration(text);
  if (interval && *interval < 10ms) return wrong("'{}' is too short; at least 10ms", text);
  return interval;
}

Parsed<std::optional<std::uint64_t>> parse_number(std::string_view text) {
  const auto count = parse_count(text, 1, std::numeric_limits<std::uint64_t>::max());
  if (!count) return std::unexpected(count.error());
  return std::optional{*count};
}

void add_watch_options(Options& options, WatchArguments& to, Typed& typed) {
  for (std::string& word : typed.words) options.add_argument("filter", word, as_it_is);
  options.add_flag("--once", to.once, "print what is there now, and end");
  options.add_flag("--json", to.json, "an object a line for each socket or event");
  options.add("--interval", "TIME", to.interval, parse_interval_of_view,
              fmt::format("between two looks (default {})", written(to.interval)));
  options.add_flag("--sequence", to.sequence, "draw each connection as a ladder of its segments");
  options.add("--format", "FORMAT", typed.format, parse_format,
              "of --sequence: text, mermaid or svg (default text)");
  options.add("--count", "N", to.count, parse_number,
              "of --sequence: end after N connections (default: at Ctrl-C)");
  options.add("--demo", "NAME", to.demo, parse_demo,
              "make such connections in a namespace of their own, and explain");
}

std::string demo_list() {
  std::string text = "\nDemos:";
  std::size_t column = text.size() - 1;
  for (const std::string_view name : watch::demo_names()) {
    if (column + 1 + name.size() > 78) {
      text += "\n      ";
      column = 6;
    }
    text += fmt::format(" {}", name);
    column += 1 + name.size();
  }
  return text + "\n";
}

// What does not go together, as a sentence; empty when all does.
std::string conflict(const WatchArguments& arguments, const Typed& typed) {
  if (!arguments.sequence && arguments.count) return "--count goes with --sequence";
  if (!arguments.sequence && typed.format) return "--format goes with --sequence";
  if (arguments.sequence && arguments.once)
    return "--once and --sequence exclude each other; --sequence --count 1 ends after one";
  if (arguments.sequence && arguments.json && typed.format)
    return "--json and --format exclude each other";
  if (arguments.demo.empty()) return {};
  if (arguments.sequence || arguments.once) return "--demo goes alone";
  if (!typed.words.front().empty()) return "--demo makes its own connections: leave the filter out";
  return {};
}

int check_and_watch(const Options& options, WatchArguments& arguments, const Typed& typed) {
  if (const std::string sentence = conflict(arguments, typed); !sentence.empty())
    return options.complain_about(sentence);
  arguments.format = typed.format.value_or(Format::text);
  const auto filter = watch::parse_filter(typed.words);
  if (!filter) return options.complain_about(filter.error());
  arguments.filter = *filter;
  for (const std::string& word : typed.words)
    if (!word.empty()) arguments.filter_text += (arguments.filter_text.empty() ? "" : " ") + word;
  if (!arguments.demo.empty()) return watch::run_demo(arguments);
  return arguments.sequence ? watch::run_sequence(arguments) : watch::run_watch(arguments);
}

}  // namespace

int watch_command(const Words& words) {
  WatchArguments arguments;
  Typed typed;
  Options options{
      "watch",
      {.examples = kExamples,
       .description =
           "Shows what TCP does on this machine: states, queues, timers, who owns what.\n"
           "FILTER: :PORT, HOST:PORT, pid N, state NAME[,NAME]; several must all hold.\n"
           "States as in RFC 9293: listen, syn-sent, syn-received, established, fin-wait-1,\n"
           "fin-wait-2, close-wait, closing, last-ack, time-wait.\n"
           "Keys of the live view: q quit, space pause, s sort, r reverse, / filter, ? help.",
       .footer = demo_list()}};
  add_watch_options(options, arguments, typed);
  return options.parse_and_run(words, [&] { return check_and_watch(options, arguments, typed); });
}

}  // namespace headrace::tool
