// SPDX-License-Identifier: MIT
//
// The options of one command: declared once, then parsed, explained by --help, and suggested when a
// word is misspelt. CLI11 stands behind it, in options.cpp only, because it costs seconds to
// compile.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "units.hpp"

namespace headrace::tool {

/// What the help of a command says beside its options.
struct HelpPage {
  std::string_view examples;  ///< lines, indented; each works as it stands
  std::string description;    ///< what it does, and the form of its arguments
  std::string footer = {};    ///< after the options; whole lines
};

/// The options of the command `name`. The targets must outlive `parse_and_run`.
class Options {
 public:
  Options(std::string_view name, HelpPage page);
  ~Options();
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  /// An option whose word `parse` (-> Parsed<Value>) turns into a value for `target`; the last one
  /// counts. `names` as "-c,--connections", `type` as the help shows it: "N".
  template <class Value, class Parse>
  void add(const std::string& names, const std::string& type, Value& target, Parse parse,
           const std::string& description) {
    declare(names, type, Repeat::last_counts, taking(target, std::move(parse)), description);
  }

  /// An option that may be repeated; each use appends to `targets`.
  template <class Value, class Parse>
  void add_list(const std::string& names, const std::string& type, std::vector<Value>& targets,
                Parse parse, const std::string& description) {
    declare(names, type, Repeat::each_counts, appending(targets, std::move(parse)), description);
  }

  /// A long option whose value may be left out: then it is `otherwise`. A value is written
  /// "--wait=1s".
  template <class Value, class Parse>
  void add_optional(const std::string& names, const std::string& type, Value& target, Parse parse,
                    std::string otherwise, const std::string& description) {
    declare_optional(names, type, std::move(otherwise), taking(target, std::move(parse)),
                     description);
  }

  /// An option that is there or not.
  void add_flag(const std::string& names, bool& target, const std::string& description);

  /// An argument without dashes, by its place: `name` stands in complaints about it.
  template <class Value, class Parse>
  void add_argument(const std::string& name, Value& target, Parse parse) {
    declare(name, "", Repeat::last_counts, taking(target, std::move(parse)), "");
  }

  /// Parses `words`; then prints the help, says what is wrong, or calls `run`. The exit status.
  [[nodiscard]] int parse_and_run(const Words& words, const std::function<int()>& run);

  /// Prints `sentence` as a complaint about the use of this command: status 2.
  [[nodiscard]] int complain_about(std::string_view sentence) const;

 private:
  enum class Repeat { last_counts, each_counts };
  /// Takes a word: empty, or what is wrong with it.
  using Take = std::function<std::string(std::string_view)>;
  struct Parser;

  template <class Value, class Parse>
  static Take taking(Value& target, Parse parse) {
    return [&target, parse = std::move(parse)](std::string_view word) -> std::string {
      auto value = parse(word);
      if (!value) return std::move(value.error());
      target = std::move(*value);
      return {};
    };
  }
  template <class Value, class Parse>
  static Take appending(std::vector<Value>& targets, Parse parse) {
    return [&targets, parse = std::move(parse)](std::string_view word) -> std::string {
      auto value = parse(word);
      if (!value) return std::move(value.error());
      targets.push_back(std::move(*value));
      return {};
    };
  }
  void declare(const std::string& names, const std::string& type, Repeat repeat, Take take,
               const std::string& description);
  void declare_optional(const std::string& names, const std::string& type, std::string otherwise,
                        Take take, const std::string& description);
  [[nodiscard]] int complain_about_rest(const Words& words, const Words& rest) const;

  std::string_view name_;
  std::unique_ptr<Parser> parser_;
};

/// A parser of whole numbers from `least`, for `add`.
template <std::integral Number>
[[nodiscard]] auto number_from(std::uint64_t least) {
  return [least](std::string_view text) -> Parsed<Number> {
    const auto count = parse_count(text, least, std::numeric_limits<Number>::max());
    if (!count) return std::unexpected(count.error());
    return static_cast<Number>(*count);
  };
}

/// A parser that takes any word as it is, for `add`.
[[nodiscard]] Parsed<std::string> as_it_is(std::string_view text);

}  // namespace headrace::tool
