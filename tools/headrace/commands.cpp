// SPDX-License-Identifier: MIT
//
// The table of commands, and the first page of help made from it.
#include "commands.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "suggest.hpp"

namespace headrace::tool {

namespace {

constexpr std::array<Command, 8> kCommands{{
    {"serve", "SERVICE", "run a service under any I/O model", serve_command},
    {"connect", "ADDR", "interactive or piped client", connect_command},
    {"send", "ADDR [TEXT]", "datagrams out: text, lines, digits; broadcast, multicast",
     send_command},
    {"receive", "ADDR", "datagrams in, with their senders", receive_command},
    {"chat", "ADDR", "terminal chat", chat_command},
    {"bench", "ADDR", "load a server and measure it", bench_command},
    {"watch", "[FILTER]", "TCP states, live", watch_command},
    {"models", "", "list the I/O models and what this machine can run", models_command},
}};

std::vector<std::string_view> names_where(bool built) {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands)
    if ((command.run != nullptr) == built) names.push_back(command.name);
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
    if (command.run != nullptr)
      text += fmt::format("  {:<16} {}\n", fmt::format("{} {}", command.name, command.arguments),
                          command.summary);
  text += fmt::format("  {:<16} {}\n", "help COMMAND", "options and examples of a command");
  if (const auto later = names_where(false); !later.empty())
    text += fmt::format("  Not in this version yet: {}.\n", listed(later, "and"));
  text += R"(
Options:
  -h, --help       show this
      --version    show the version

Exit status: 0 done, 1 failed, 2 wrong usage.
)";
  return text;
}

}  // namespace headrace::tool
