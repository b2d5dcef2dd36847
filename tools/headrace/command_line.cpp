// SPDX-License-Identifier: MIT
//
// The command line's first word: which command it names, or what to say when it names none. The
// rest of the words is the command's (options.hpp).
#include "command_line.hpp"

#include <array>
#include <string>

#include <fmt/format.h>

#include "commands.hpp"
#include "output.hpp"
#include "suggest.hpp"

namespace headrace::tool {

namespace {

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
  if (command->run != nullptr) return command->run(words);
  return complain(fmt::format("'{}' is not in this version yet (see 'headrace help')", name),
                  kWrongUsage);
}

int help_on(const Words& words) {
  const Command* const command = find_command(words.front());
  if (words.size() > 1 && command != nullptr && command->run != nullptr)
    return complain(fmt::format("{0}: '{1}' is one argument too many (see 'headrace help {0}')",
                                command->name, words[1]),
                    kWrongUsage);
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
