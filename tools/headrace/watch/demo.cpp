// SPDX-License-Identifier: MIT
//
// The table of demos, and how one is run.
#include "watch/demo.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include <fmt/format.h>

#include "output.hpp"
#include "watch/demos.hpp"

namespace headrace::watch {

namespace {

struct Demo {
  std::string_view name;
  std::string_view summary;
  void (*run)(Laboratory&);
};

constexpr std::array<Demo, 10> kDemos{{
    {"handshake", "three segments, and accept() is none of them", demo_handshake},
    {"close", "FIN, ACK, FIN, ACK: each direction by itself", demo_close},
    {"time-wait", "who closes first waits 60 s", demo_time_wait},
    {"lost-last-ack", "the first reason why: a FIN that comes again", demo_lost_last_ack},
    {"late-segment", "the second: data of the past", demo_late_segment},
    {"simultaneous-close", "both FINs under way at once: CLOSING", demo_simultaneous_close},
    {"reset", "refused, aborted, unread: RST", demo_reset},
    {"backlog", "a full accept queue: SYN after SYN and no answer", demo_backlog},
    {"half-open", "one side has forgotten the connection", demo_half_open},
    {"reuse-address", "a port that TIME-WAIT holds, bound again", demo_reuse_address},
}};

constexpr auto kNames = [] {
  std::array<std::string_view, kDemos.size()> names;
  std::ranges::transform(kDemos, names.begin(), &Demo::name);
  return names;
}();

}  // namespace

std::span<const std::string_view> demo_names() noexcept { return kNames; }

std::string list_of_demos() {
  std::string text;
  for (const Demo& demo : kDemos) text += fmt::format("  {:<20}{}\n", demo.name, demo.summary);
  return text;
}

int run_demo(const WatchArguments& arguments) {
  const auto demo = std::ranges::find(kDemos, arguments.demo, &Demo::name);
  if (demo == kDemos.end())
    return tool::complain(fmt::format("no demo is called '{}'", arguments.demo), tool::kWrongUsage);
  auto lab = Laboratory::open();
  if (!lab)
    return tool::complain(fmt::format("watch --demo {}: {}", demo->name, lab.error()),
                          tool::kFailed);
  try {
    demo->run(**lab);
    if (const int status = (*lab)->finish(); status != tool::kDone)
      return tool::complain(
          fmt::format("watch --demo {}: this kernel did otherwise than was told", demo->name),
          status);
    return tool::kDone;
  } catch (const DemoFailed& failed) {
    if (failed.sentence.empty()) return tool::kFailed;  // it was said
    return tool::complain(fmt::format("watch --demo {}: {}", demo->name, failed.sentence),
                          tool::kFailed);
  }
}

}  // namespace headrace::watch
