// SPDX-License-Identifier: MIT
//
// The sign test on rounds that were measured side by side. It asks nothing of how the figures are
// spread, and one round that was disturbed counts no more than any other.
#include "bench/compare/verdict.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/report.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

constexpr double kMayBeChance = 0.05;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// first / second - 1, of rounds that both have.
std::vector<double> leads(const Entry& first, const Entry& second, Figure figure) {
  const auto ours = values_of(first, static_cast<std::size_t>(figure));
  const auto theirs = values_of(second, static_cast<std::size_t>(figure));
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(ours.size(), theirs.size()); ++round)
    if (ours[round] && theirs[round] && *theirs[round] > 0)
      ratios.push_back(*ours[round] / *theirs[round] - 1);
  return ratios;
}

bool took_part(const Entry& entry) {
  return entry.failure.empty() && entry.measured() > 0 && entry.waiting == 0 &&
         entry.problems.total() == 0;
}

std::string percent(double share) { return fmt::format("{:.1f}%", share * 100); }

// Whether the load ran at its limit and the server did not: then the rate says little of it.
bool is_load_bound(const Entry& entry) {
  const double rate = median_of(entry, Figure::messages_per_second).value_or(0);
  const double own = median_of(entry, Figure::bench_cpu_us_per_message).value_or(0) * rate / 1e6;
  return own > 0.95 && median_of(entry, Figure::server_cores_used).value_or(1) < 0.9;
}

std::string sentence_of(const Verdict& verdict, const Case& what, std::size_t rounds) {
  const std::string_view figure = what.churn > 0 ? "connections" : "messages";
  const std::string range = fmt::format("{} to {} in {}", percent(verdict.least),
                                        percent(verdict.most), tool::counted(rounds, "round"));
  std::string text;
  if (verdict.is_clear)
    text = fmt::format("{}: {} won: {} more {} a second than {} ({})", to_text(what),
                       verdict.first->name, percent(verdict.ahead), figure, verdict.second->name,
                       range);
  else
    text = fmt::format("{}: {} and {} are within the noise: {} apart ({})", to_text(what),
                       verdict.first->name, verdict.second->name, percent(std::abs(verdict.ahead)),
                       range);
  if (chance_of(rounds, rounds) > kMayBeChance)
    text += "; too few rounds to tell anything apart from noise: it takes 5";
  else if (is_load_bound(*verdict.first))
    text += "; the load was at its limit and the server was not: compare CPU a message";
  return text + '.';
}

}  // namespace

Spread spread_of(std::span<const std::optional<double>> values) {
  std::vector<double> known;
  for (const auto& value : values)
    if (value) known.push_back(*value);
  if (known.empty()) return {};
  const auto [lowest, highest] = std::ranges::minmax(known);
  return {.median = median(std::move(known)), .lowest = lowest, .highest = highest};
}

std::vector<std::optional<double>> values_of(const Entry& entry, std::size_t figure) {
  std::vector<std::optional<double>> values;
  for (const auto& round : entry.rounds) values.push_back(round ? round->at(figure) : std::nullopt);
  return values;
}

std::optional<double> median_of(const Entry& entry, Figure figure) {
  return spread_of(values_of(entry, static_cast<std::size_t>(figure))).median;
}

double chance_of(std::size_t wins, std::size_t rounds) {
  double ways = 1, sum = 0;  // of choosing `won` among `rounds`
  for (std::size_t won = rounds; won + 1 > wins; --won) {
    sum += ways;
    if (won == 0) break;
    ways = ways * static_cast<double>(won) / static_cast<double>(rounds - won + 1);
  }
  return sum / std::pow(2.0, static_cast<double>(rounds));
}

Verdict verdict_of(const Group& group) {
  const Figure figure = deciding_figure(group.what);
  std::vector<const Entry*> ranked;
  for (const Entry& entry : group.entries)
    if (took_part(entry)) ranked.push_back(&entry);
  std::ranges::sort(ranked, std::ranges::greater{},
                    [&](const Entry* entry) { return median_of(*entry, figure).value_or(0); });
  Verdict verdict;
  if (ranked.size() < 2) {
    verdict.sentence =
        fmt::format("{}: nothing to compare: {} served everybody without an error.",
                    to_text(group.what), ranked.empty() ? "nobody" : "only " + ranked[0]->name);
    return verdict;
  }
  verdict.first = ranked[0];
  verdict.second = ranked[1];
  const std::vector<double> ratios = leads(*ranked[0], *ranked[1], figure);
  if (ratios.empty()) {
    verdict.sentence = to_text(group.what) + ": no round of two servers went well.";
    verdict.first = verdict.second = nullptr;
    return verdict;
  }
  const auto wins = static_cast<std::size_t>(
      std::ranges::count_if(ratios, [](double ratio) { return ratio > 0; }));
  const auto [least, most] = std::ranges::minmax(ratios);
  verdict.least = least;
  verdict.most = most;
  verdict.ahead = median(ratios);
  verdict.is_clear = chance_of(wins, ratios.size()) <= kMayBeChance;
  verdict.sentence = sentence_of(verdict, group.what, ratios.size());
  return verdict;
}

}  // namespace headrace::bench
