// SPDX-License-Identifier: MIT
//
// From the command line to cases and contestants.
#include "bench/compare/contest.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "units.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kKib = 1024;

// Why it cannot run; "" when it can.
std::string obstacle(const ModelInfo& model) {
  if (!model.built) return "not in this version yet";
  const auto possible = can_run(model.model);
  if (possible) return "";
  const Failure& failure = possible.error();
  return failure.code == Errc::not_supported && *failure.call != '\0' ? failure.call
                                                                      : failure.reason();
}

bool is_asked_for(const BenchOptions& options, const ModelInfo& model) {
  return options.models.empty() ||
         std::ranges::find(options.models, model.model) != options.models.end();
}

/// Numbers of workers to compare: 1, 2, 4 up to every core for loops; for children and threads
/// around the number of connections, where they cannot serve all, and can.
std::vector<unsigned> workers_of(const ModelInfo& model, std::size_t cores,
                                 std::size_t connections) {
  std::vector<unsigned> numbers;
  if (model.workers.empty()) return numbers;
  if (model.launcher == LauncherKind::event_loop) {
    for (unsigned number = 1; number < cores; number *= 2) numbers.push_back(number);
    numbers.push_back(static_cast<unsigned>(std::max<std::size_t>(cores, 1)));
    return numbers;
  }
  const auto enough = static_cast<unsigned>(std::min<std::size_t>(connections, 1024));
  numbers.push_back(std::min(model.default_workers, enough));
  if (enough > model.default_workers) numbers.push_back(enough);
  return numbers;
}

std::vector<Entry> contestants(const BenchOptions& options, const Case& what, std::size_t cores) {
  std::vector<Entry> entries;
  const auto add = [&](const ModelInfo& model, std::optional<unsigned> workers) {
    Entry entry;
    entry.name = workers ? fmt::format("{} x{}", model.name, *workers) : std::string{model.name};
    entry.model = &model;
    entry.workers = workers;
    entry.failure = obstacle(model);
    entries.push_back(std::move(entry));
  };
  for (const ModelInfo& model : all_models()) {
    if (!is_asked_for(options, model)) continue;
    if (what.comparison != Comparison::workers)
      add(model, std::nullopt);
    else
      for (const unsigned number : workers_of(model, cores, what.connections)) add(model, number);
  }
  for (const Rival& rival : options.rivals) {
    Entry entry;
    entry.name = rival.name;
    entry.command = rival.command;
    entries.push_back(std::move(entry));
  }
  return entries;
}

/// Tenths of the most, but at least 10: 10, 100, 1000.
std::vector<std::size_t> growing(std::size_t most) {
  std::vector<std::size_t> numbers;
  for (std::size_t number = most; number >= 10; number /= 10) numbers.push_back(number);
  if (numbers.empty()) numbers.push_back(most);
  std::ranges::reverse(numbers);
  return numbers;
}

std::vector<Case> cases_of(const BenchOptions& options, Comparison comparison) {
  const std::size_t usual = options.connections.value_or(kDefaultConnections);
  const Case one{.comparison = comparison,
                 .connections = usual,
                 .active = options.active.value_or(usual),
                 .size = options.size,
                 .in_flight = options.in_flight,
                 .churn = options.churn.value_or(0)};
  std::vector<Case> cases;
  switch (comparison) {
    case Comparison::models:
    case Comparison::workers:
      return {one};
    case Comparison::connections:
      for (const std::size_t number : growing(options.connections.value_or(1000))) {
        Case next = one;
        next.connections = number;
        next.active = std::min(options.active.value_or(number), number);
        cases.push_back(next);
      }
      return cases;
    case Comparison::sizes:
      for (const std::size_t size : {std::size_t{64}, kKib, 16 * kKib, 256 * kKib}) {
        Case next = one;
        next.size = size;
        cases.push_back(next);
      }
      return cases;
    case Comparison::churn:
      break;
  }
  Case churn = one;
  churn.connections = churn.active = options.connections.value_or(kDefaultChurning);
  churn.in_flight = 1;
  churn.churn = options.churn.value_or(1);
  return {churn};
}

}  // namespace

std::size_t Entry::measured() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(rounds, [](const auto& round) { return round.has_value(); }));
}

std::vector<Group> groups_of(const BenchOptions& options, std::size_t cores) {
  std::vector<Group> groups;
  for (const Comparison comparison : options.compare)
    for (const Case& what : cases_of(options, comparison))
      groups.push_back({what, contestants(options, what, cores)});
  return groups;
}

std::string to_text(const Case& what) {
  const std::string connections = tool::counted(what.connections, "connection");
  if (what.churn > 0)
    return fmt::format("churn: {} at a time, {} each, {} B", connections,
                       tool::counted(what.churn, "message"), what.size);
  std::string text = connections;
  if (what.active < what.connections)
    text += fmt::format(" ({} idle)", what.connections - what.active);
  text += fmt::format(", {} B", what.size);
  if (what.in_flight > 1) text += fmt::format(", {} in flight", what.in_flight);
  if (what.comparison == Comparison::workers) text = "workers: " + text;
  return text;
}

Figure deciding_figure(const Case& what) noexcept {
  return what.churn > 0 ? Figure::connections_per_second : Figure::messages_per_second;
}

}  // namespace headrace::bench
