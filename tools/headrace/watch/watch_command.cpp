// SPDX-License-Identifier: MIT
//
// `headrace watch` without --sequence and --demo: opens the sources, says what is missing, and
// chooses between a screen and lines.
#include "watch/watch_command.hpp"

#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include "output.hpp"
#include "watch/lines.hpp"
#include "watch/live.hpp"
#include "watch/sources.hpp"

namespace headrace::watch {

namespace {

bool has_screen() {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr &&
         std::string_view{terminal} != "dumb";
}

}  // namespace

int run_watch(const WatchArguments& arguments) {
  // One look needs nothing that tells of changes.
  auto watch = TcpWatch::open({.filter = arguments.filter,
                               .owners = true,
                               .events = !arguments.once,
                               .trace = !arguments.once});
  if (!watch)
    return tool::complain(fmt::format("watch: {}: {}", watch.error().call, watch.error().reason()),
                          tool::kFailed);
  if (!arguments.once && !arguments.json && has_screen()) return run_live(arguments, *watch);
  if (!arguments.once)
    for (const std::string& sentence : missing_sources(*watch))
      (void)tool::complain("watch: " + sentence, tool::kDone);
  return run_lines(arguments, *watch);
}

}  // namespace headrace::watch
