// SPDX-License-Identifier: MIT
//
// Options, with CLI11: this is the only file that includes it.
//
// CLI11 splits the arguments; what a value means is decided by values.hpp and units.hpp, and what
// to say about a word that nobody knows is decided here. The help is made from the same options
// that are parsed, so it cannot leave one out.
#include "options.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "output.hpp"
#include "suggest.hpp"

namespace headrace::tool {

namespace {

// Help.

std::string names_of(const CLI::Option& option) {
  const auto& shorts = option.get_snames();
  const auto& longs = option.get_lnames();
  std::string text =
      shorts.empty() ? "    " : fmt::format("-{}{} ", shorts[0], longs.empty() ? " " : ",");
  if (!longs.empty()) text += "--" + longs[0];
  const std::string type = option.get_type_name();
  return text + (type.empty() || type.starts_with('[') ? "" : " ") + type;
}

class PageFormatter final : public CLI::FormatterBase {
 public:
  PageFormatter(const Command& command, HelpPage page)
      : command_{command}, page_{std::move(page)} {}

  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    std::string text =
        fmt::format("Examples:\n{}\nUsage: headrace {}{}{} [OPTION...]\n\n", page_.examples,
                    command_.name, command_.arguments.empty() ? "" : " ", command_.arguments);
    text += page_.description + "\n\nOptions:\n";
    for (const CLI::Option* option : app->get_options())
      if (!option->get_positional())
        text += fmt::format("  {:<26} {}\n", names_of(*option), option->get_description());
    return text + page_.footer;
  }

 private:
  const Command& command_;
  HelpPage page_;
};

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
  return did_you_mean(typed, std::vector<std::string_view>{known.begin(), known.end()});
}

// In CLI11's: "--listen: 1 required ADDR missing", "verbose was given a disallowed flag override".
std::string in_our_words(const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) return text;
  if (text.ends_with("flag override"))
    return fmt::format("--{} takes no value", text.substr(0, text.find(' ')));
  return text.substr(0, text.find(':')) + " needs a value";
}

// "--listen" of "-l,--listen"; an argument without dashes has a plain name.
std::string long_name(const std::string& names) {
  const std::size_t start = names.find("--");
  return start == std::string::npos ? names : names.substr(start);
}

}  // namespace

struct Options::Parser {
  CLI::App app;
  std::vector<std::pair<std::string, std::string>> otherwise;  // option, its value when left out

  // From the back, as CLI11 takes them.
  [[nodiscard]] Words reversed(Words words) const {
    for (const auto& [name, value] : otherwise)
      for (std::string& word : words)
        if (word == name) word += "=" + value;
    return Words{words.rbegin(), words.rend()};
  }
};

Options::Options(std::string_view name, HelpPage page)
    : name_{name}, parser_{std::make_unique<Parser>()} {
  CLI::App& app = parser_->app;
  app.formatter(std::make_shared<PageFormatter>(*find_command(name), std::move(page)));
  app.set_help_flag("-h,--help", "show this");
  app.allow_extras();
}

Options::~Options() = default;

void Options::declare(const std::string& names, const std::string& type, Repeat repeat, Take take,
                      const std::string& description) {
  const bool each = repeat == Repeat::each_counts;
  const auto take_all = [names, each, take = std::move(take)](const CLI::results_t& words) {
    for (const std::string& word : each ? words : CLI::results_t{words.back()})
      if (const std::string problem = take(word); !problem.empty())
        throw CLI::ValidationError(long_name(names), problem);
    return true;
  };
  parser_->app.add_option(names, take_all, description)
      ->type_name(type)
      ->expected(1)
      ->multi_option_policy(each ? CLI::MultiOptionPolicy::TakeAll
                                 : CLI::MultiOptionPolicy::TakeLast);
}

// Only "=" gives it a value, so that what follows stays an argument: see `parse_and_run`.
void Options::declare_optional(const std::string& names, const std::string& type,
                               std::string otherwise, Take take, const std::string& description) {
  parser_->otherwise.emplace_back(long_name(names), std::move(otherwise));
  declare(names, "[=" + type + "]", Repeat::last_counts, std::move(take), description);
}

void Options::add_flag(const std::string& names, bool& target, const std::string& description) {
  parser_->app.add_flag(names, target, description)->disable_flag_override();
}

int Options::complain_about(std::string_view sentence) const {
  return complain(fmt::format("{0}: {1} (see 'headrace help {0}')", name_, sentence), kWrongUsage);
}

int Options::complain_about_rest(const Words& words, const Words& rest) const {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (!rest[i].starts_with('-')) continue;
    // CLI11 has taken the flag of "-v=3" and left "-=3".
    if (std::ranges::find(words, "-v" + rest[i].substr(1)) != words.end())
      return complain_about("-v takes no value");
    const std::size_t equals = rest[i].find('=');
    const std::string typed = rest[i].substr(0, equals);
    const std::string value = equals != std::string::npos ? rest[i].substr(equals + 1)
                              : i + 1 < rest.size()       ? rest[i + 1]
                                                          : "";
    return complain_about(
        fmt::format("no option '{}'{}", typed, suggest_option(parser_->app, typed, value)));
  }
  return complain_about(fmt::format("'{}' is one argument too many", rest.front()));
}

int Options::parse_and_run(const Words& words, const std::function<int()>& run) {
  CLI::App& app = parser_->app;
  try {
    app.parse(parser_->reversed(words));
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::ParseError& error) {
    return complain_about(in_our_words(error));
  }
  Words rest = app.remaining();
  std::erase(rest, "--");  // CLI11 leaves it where extras are allowed; what follows is arguments
  if (!rest.empty()) return complain_about_rest(words, rest);
  return run();
}

Parsed<std::string> as_it_is(std::string_view text) { return std::string{text}; }

}  // namespace headrace::tool
