// SPDX-License-Identifier: MIT
//
// The table of commands, and the first page of help made from it.
#include "commands.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "suggest.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kServeExamples =
    R"(  headrace serve echo                                    # on tcp://127.0.0.1:7788
  headrace serve echo --model thread -v                  # each arrival, message, departure
  headrace serve echo --listen '*:7788' --listen unix:/tmp/echo.sock
  headrace serve talk                                    # you answer, one client after another
  headrace serve echo --workers auto --stats 10s --log-format json
  headrace serve echo --interactive                      # then type: list, kick 1, quit
)";

constexpr std::string_view kModelsExamples =
    R"(  headrace models
  headrace models --json | python3 -m json.tool
)";

constexpr std::string_view kBenchExamples =
    R"(  headrace bench 7788                                    # 100 connections, 64 B, 5 s
  headrace bench 7788 -c 1000 --size 16KiB -d 10s --verify
  headrace bench unix:/tmp/echo.sock -n 100000 --in-flight 16 --json
)";

constexpr std::array<Command, 8> kCommands{{
    {"serve", "SERVICE", "run a service under any I/O model", kServeExamples, true},
    {"connect", "ADDR", "interactive or piped client", "", false},
    {"send", "ADDR", "datagrams out", "", false},
    {"receive", "ADDR", "datagrams in", "", false},
    {"chat", "ADDR", "terminal chat", "", false},
    {"bench", "ADDR", "load a server and measure it", kBenchExamples, true},
    {"watch", "", "TCP states, live", "", false},
    {"models", "", "list the I/O models and what this machine can run", kModelsExamples, true},
}};

std::vector<std::string_view> names_where(bool built) {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands)
    if (command.built == built) names.push_back(command.name);
  return names;
}

}  // namespace

const std::array<Command, 8>& all_commands() noexcept { return kCommands; }

const Command* find_command(std::string_view name) noexcept {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == kCommands.end() ? nullptr : &*found;
}

std::vector<std::string_view> known_commands() {
  std::vector<std::string_view> names = names_where(true);
  names.emplace_back("help");
  return names;
}

std::string overview() {
  std::string text = R"(Examples:
  headrace serve echo --model epoll-edge -v    # then: printf 'hello\n' | nc -N 127.0.0.1 7788
  headrace bench 7788 -c 100 -d 5s --verify    # in another terminal
  headrace models

Usage: headrace COMMAND [OPTION...]

One service, every I/O model: measured, and seen.

Commands:
)";
  for (const Command& command : kCommands)
    if (command.built)
      text += fmt::format("  {:<16} {}\n", fmt::format("{} {}", command.name, command.arguments),
                          command.summary);
  text += fmt::format("  {:<16} {}\n", "help COMMAND", "options and examples of a command");
  text += fmt::format("  Not in this version yet: {}.\n", listed(names_where(false), "and"));
  text += R"(
Options:
  -h, --help       show this
      --version    show the version

Exit status: 0 done, 1 failed, 2 wrong usage.
)";
  return text;
}

}  // namespace headrace::tool
