// SPDX-License-Identifier: MIT
//
// `headrace bench --compare`: for each case, in rounds, each contestant in turn: started, measured,
// ended. Every second round goes the other way, so that nobody always comes after the same one.
#include <algorithm>
#include <chrono>
#include <thread>

#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/compare/report.hpp"
#include "bench/compare/server_process.hpp"
#include "bench/compare/time_plan.hpp"
#include "bench/compare/view.hpp"
#include "bench/connections.hpp"
#include "bench/delivery.hpp"
#include "bench/interruption.hpp"
#include "bench/measure.hpp"
#include "bench/report.hpp"
#include "bench/screen.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

using tool::kDone, tool::kFailed;
using namespace std::chrono_literals;

/// The server on the first core and the load on the last, where there are two. With several workers
/// to compare the server keeps all others, or is not pinned.
Pinning pinning_for(const std::vector<int>& cores, bool compares_workers) {
  if (cores.size() < 2) return {};
  Pinning pinning;
  pinning.load = std::vector<int>{cores.back()};
  if (!compares_workers) pinning.server = std::vector<int>{cores.front()};
  return pinning;
}

/// After how long without anybody new being served the rest is taken to be left waiting. Short
/// where that is certain.
std::chrono::nanoseconds quiet_for(const Entry& entry, const Case& what) {
  if (entry.model == nullptr) return 500ms;
  const unsigned workers = entry.workers.value_or(entry.model->default_workers);
  switch (entry.model->launcher) {
    case LauncherKind::iterative:
      return what.active > 1 ? 100ms : 2s;
    case LauncherKind::prefork:
    case LauncherKind::thread_pool:
      return what.connections > workers ? 100ms : 2s;
    default:
      return 2s;
  }
}

void pin_ourselves(const std::optional<std::vector<int>>& cores) {
  if (!cores) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : *cores) CPU_SET(static_cast<std::size_t>(core), &set);
  (void)::sched_setaffinity(0, sizeof set, &set);  // cores we have: it cannot fail
}

Launch launch_of(const Entry& entry, const Pinning& pinning) {
  Launch launch;
  launch.cores = pinning.server;
  if (entry.model == nullptr) {
    launch.port = free_port();
    std::string command = entry.command;
    const std::string port = std::to_string(*launch.port);
    for (std::size_t at = 0; (at = command.find("{port}", at)) != std::string::npos;)
      command.replace(at, 6, port);
    launch.words = {"/bin/sh", "-c", command};
    return launch;
  }
  launch.words = {"/proc/self/exe",
                  "serve",
                  "echo",
                  "--listen",
                  "tcp://127.0.0.1:0",
                  "--model",
                  std::string{entry.model->name},
                  "--drain",
                  "100ms"};
  if (entry.workers) {
    launch.words.emplace_back("--workers");
    launch.words.push_back(std::to_string(*entry.workers));
  }
  return launch;
}

std::size_t able(const Group& group) {
  return static_cast<std::size_t>(std::ranges::count_if(
      group.entries, [](const Entry& entry) { return entry.failure.empty(); }));
}

TimePlan time_plan(const BenchOptions& options, const ComparisonReport& report) {
  std::vector<std::size_t> turns;
  turns.reserve(report.groups.size());
  for (const Group& group : report.groups) turns.push_back(able(group));
  return {{.rounds = report.rounds, .round = options.duration, .within = options.within},
          std::move(turns)};
}

class Contest {
 public:
  Contest(const BenchOptions& options, ComparisonReport& report)
      : options_{options}, report_{report}, time_{time_plan(options, report)}, view_{turns()} {}

  void run() {
    announce();
    for (std::size_t nth = 0; nth < report_.groups.size() && !is_over(); ++nth) run_group(nth);
    view_.end();
    report_.interrupted = is_over();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static bool is_over() { return Interruption::flag(); }

  [[nodiscard]] std::size_t turns() const {
    std::size_t turns = 0;
    for (const Group& group : report_.groups) turns += able(group) * report_.rounds;
    return turns;
  }

  void announce() const {
    std::size_t most = 0;
    for (const Group& group : report_.groups) most = std::max(most, able(group));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(time_.estimate());
    Screen::say(fmt::format("bench --compare: {}, {}, {}: about {}", tool::counted(most, "server"),
                            tool::counted(report_.groups.size(), "case"),
                            tool::counted(report_.rounds, "round"), tool::written(seconds)));
  }

  void run_group(std::size_t nth) {
    Group& group = report_.groups[nth];
    std::size_t round = 0;
    for (; !is_over(); ++round) {
      const auto length =
          time_.next_round(nth, static_cast<unsigned>(round), Clock::now() - began_);
      if (!length) break;
      group.rounds.push_back(*length);
      run_round(group, round);
    }
    view_.skip(able(group) * (report_.rounds - std::min<std::size_t>(round, report_.rounds)));
  }

  void run_round(Group& group, std::size_t round) {
    for (std::size_t turn = 0; turn < group.entries.size() && !is_over(); ++turn) {
      if (time_.is_used_up(static_cast<unsigned>(round), Clock::now() - began_)) return;
      const std::size_t index = round % 2 == 0 ? turn : group.entries.size() - 1 - turn;
      Entry& entry = group.entries[index];
      if (!entry.failure.empty()) continue;
      view_.before(group, entry, round, report_.rounds);
      const auto start = Clock::now();
      measure_one(group, entry);
      time_.learn(Clock::now() - start, group.rounds.back());
      if (!is_over()) view_.after(group, entry, round, report_.rounds);
      if (!entry.failure.empty()) view_.skip(report_.rounds - round - 1);
    }
  }

  void measure_one(const Group& group, Entry& entry) {
    const Case& what = group.what;
    auto server =
        ServerProcess::start(launch_of(entry, report_.environment.pinning), Interruption::flag());
    if (!server) {
      if (!is_over()) fail(entry, server.error());
      return;
    }
    std::deque<Tap> no_taps;
    const auto measured = measure(plan_of(group, server->address(), entry),
                                  ServerWatch{{server->pid()}}, no_taps, Interruption::flag());
    if (is_over()) return;  // half a round is none
    if (!measured) return fail(entry, measured.error());
    const bool gone = !server->is_running();
    take(what, entry, *measured);
    if (gone && measured->result.messages == 0) fail(entry, "it ended: " + server->last_words());
  }

  static void fail(Entry& entry, const std::string& why) {
    entry.rounds.emplace_back();
    entry.failure = why;
  }

  [[nodiscard]] Plan plan_of(const Group& group, const Address& address, const Entry& entry) const {
    const Case& what = group.what;
    Plan plan{.address = address, .connections = what.connections, .ramp = options_.ramp};
    plan.warm_up = {.time = options_.warm_up, .quiet = quiet_for(entry, what)};
    plan.weighs = entry.rounds.empty();  // once: it hardly varies
    plan.load = {.size = what.size,
                 .in_flight = what.in_flight,
                 .idle = what.connections - what.active,
                 .duration = group.rounds.back(),
                 .timeout = options_.timeout,
                 .verify = options_.verify,
                 .churn = what.churn,
                 .leaves_waiting = true};
    return plan;
  }

  static void take(const Case& what, Entry& entry, const Measurement& measured) {
    LoadOptions load;
    load.size = what.size;
    load.churn = what.churn;
    entry.rounds.emplace_back(figures_of(measured, load));
    entry.messages += measured.result.messages;
    entry.problems.add(measured.result.problems);
    entry.waiting = std::max(entry.waiting, measured.result.never_answered);
  }

  const BenchOptions& options_;
  ComparisonReport& report_;
  TimePlan time_;
  CompareView view_;
  Clock::time_point began_ = Clock::now();
};

bool has_nothing_to_run(const ComparisonReport& report) {
  return std::ranges::all_of(report.groups, [](const Group& group) {
    return std::ranges::all_of(group.entries,
                               [](const Entry& entry) { return !entry.failure.empty(); });
  });
}

int judge(const ComparisonReport& report) {
  const std::uint64_t failures = failures_in(report);
  if (failures == 0) return kDone;
  std::string names;
  for (const Group& group : report.groups)
    for (const Entry& entry : group.entries) {
      if (entry.problems.total() == 0 && (entry.failure.empty() || entry.rounds.empty())) continue;
      names +=
          fmt::format("{}{} ({}): {}", names.empty() ? "" : "; ", entry.name, to_text(group.what),
                      entry.failure.empty() ? to_text(entry.problems) : entry.failure);
    }
  return tool::complain(fmt::format("bench --compare: {}", names), kFailed);
}

}  // namespace

int run_comparison(const BenchOptions& options) {
  const std::size_t room = room_for_connections();
  ComparisonReport report{.compare = options.compare,
                          .rounds = options.rounds,
                          .round = options.duration.value_or(TimePlan::kUsual),
                          .within = options.within,
                          .environment = here(options.command),
                          .groups = {}};
  const std::vector<int>& cores = report.environment.cores;
  report.groups = groups_of(options, cores.size());
  for (const Group& group : report.groups)
    if (group.what.connections > room)
      return tool::complain(
          fmt::format("bench --compare: {} need more descriptors than this process may have; {} "
                      "would fit: raise `ulimit -Hn` or use -c {}",
                      tool::counted(group.what.connections, "connection"), room, room),
          kFailed);
  if (has_nothing_to_run(report))
    return tool::complain("bench --compare: none of these models runs here; see 'headrace models'",
                          kFailed);
  const bool compares_workers =
      std::ranges::find(options.compare, Comparison::workers) != options.compare.end();
  report.environment.pinning = pinning_for(cores, compares_workers);
  PageFile page;
  if (!page.open(options.html)) return kFailed;
  const Interruption interruption;
  pin_ourselves(report.environment.pinning.load);
  Contest{options, report}.run();
  const nlohmann::ordered_json json = to_json(report);
  const int printed = tool::print(options.json ? json_text(json) : to_table(report));
  return std::max({printed, page.write(json), judge(report)});
}

}  // namespace headrace::bench
