// SPDX-License-Identifier: MIT
//
// The live table: drawn between two measurements, never during one, so that it costs them nothing.
#include "bench/compare/view.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "bench/compare/verdict.hpp"
#include "bench/report.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kNameColumns = 16;
constexpr std::size_t kSparkColumns = 8;

double rate_of(const Entry& entry, const Case& what) {
  return median_of(entry, deciding_figure(what)).value_or(0);
}

std::vector<double> latest(const Entry& entry, Figure figure) {
  std::vector<double> values;
  for (const auto& value : values_of(entry, static_cast<std::size_t>(figure)))
    values.push_back(value.value_or(0));
  return values;
}

std::string row_of(const Entry& entry, const Case& what, double highest, bool is_now,
                   std::size_t columns) {
  const std::string name =
      fmt::format("{} {}", is_now ? '>' : ' ', padded(entry.name, kNameColumns));
  if (!entry.failure.empty()) return name + ' ' + entry.failure;
  if (entry.measured() == 0) return name + (is_now ? " ..." : "");
  const double rate = rate_of(entry, what);
  const auto p99 = latest(entry, Figure::p99);
  const auto cpu = median_of(entry, Figure::server_cpu_us_per_message);
  std::string row = fmt::format("{}{:>9} {{}} {:>9} {:>9} {}", name, grouped(rate),
                                cpu ? fmt::format("{:.2f} us", *cpu) : "-",
                                of_time(median_of(entry, Figure::p99).value_or(0)),
                                padded(sparkline(p99, kSparkColumns), 8));
  if (entry.waiting > 0) row += fmt::format(" {} wait", entry.waiting);
  const std::size_t used = kNameColumns + 2 + 9 + 1 + 1 + 9 + 1 + 9 + 1 + kSparkColumns + 10;
  const std::size_t room = std::clamp<std::size_t>(columns > used ? columns - used : 0, 4, 40);
  return row.replace(row.find("{}"), 2, bar(highest > 0 ? rate / highest : 0, room));
}

}  // namespace

std::string CompareView::head(const Group& group, std::size_t round, std::size_t rounds) const {
  const double passed = std::chrono::duration<double>(Clock::now() - began_).count();
  const double each = done_ > 0 ? passed / static_cast<double>(done_) : 0;
  const double left = each * static_cast<double>(turns_ - std::min(turns_, done_));
  const double share = turns_ > 0 ? static_cast<double>(done_) / static_cast<double>(turns_) : 1;
  return fmt::format("{}: round {} of {} [{}]{}", to_text(group.what), round + 1, rounds,
                     bar(share, 16), done_ > 0 ? fmt::format(" {:.0f} s left", left) : "");
}

void CompareView::draw(const Group& group, const Entry& now, std::size_t round,
                       std::size_t rounds) {
  double highest = 0;
  for (const Entry& entry : group.entries) highest = std::max(highest, rate_of(entry, group.what));
  const std::size_t columns = screen_.columns();
  const std::size_t room = std::clamp<std::size_t>(columns > 66 ? columns - 66 : 0, 4, 40);
  std::vector<std::string> lines{head(group, round, rounds)};
  lines.push_back(fmt::format("  {:<{}}{:>9} {:<{}} {:>9} {:>9} {}", "model", kNameColumns,
                              group.what.churn > 0 ? "conn/s" : "msg/s", "", room, "CPU/msg", "p99",
                              "p99s"));
  for (const Entry& entry : group.entries)
    lines.push_back(row_of(entry, group.what, highest, &entry == &now, columns));
  screen_.draw(lines);
}

void CompareView::before(const Group& group, const Entry& entry, std::size_t round,
                         std::size_t rounds) {
  if (screen_.is_there()) draw(group, entry, round, rounds);
}

void CompareView::after(const Group& group, const Entry& entry, std::size_t round,
                        std::size_t rounds) {
  ++done_;
  if (screen_.is_there()) return;
  const auto rate = entry.rounds.empty() || !entry.rounds.back()
                        ? std::nullopt
                        : (*entry.rounds.back())[deciding_figure(group.what)];
  const std::string outcome = rate ? fmt::format("{} {}/s", grouped(*rate),
                                                 group.what.churn > 0 ? "connections" : "messages")
                                   : entry.failure;
  Screen::say(fmt::format("{}: round {} of {}: {}: {}", to_text(group.what), round + 1, rounds,
                          entry.name, outcome));
}

}  // namespace headrace::bench
