// SPDX-License-Identifier: MIT
//
// A comparison for a person: a table for each case, in 80 columns, and what came of it.
#include "bench/compare/report.hpp"

#include <cmath>

#include <fmt/format.h>

#include "bench/compare/verdict.hpp"
#include "bench/report.hpp"
#include "bench/screen.hpp"
#include "escape.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kNameColumns = 16;

std::string or_dash(std::optional<double> value, const auto& text) {
  return value ? text(*value) : std::string{"-"};
}

std::string of_us(double us) { return fmt::format("{:.2f} us", us); }

// "-3% +5%": the single rounds around the median.
std::string range_of(const Spread& spread) {
  if (!spread.median || *spread.median <= 0) return "-";
  const auto off = [&](double value) {
    return std::round((value / *spread.median - 1) * 100) + 0.0;
  };
  return fmt::format("{:+.0f}% {:+.0f}%", off(*spread.lowest), off(*spread.highest));
}

// "5 rounds of 250ms"; with a limit they differ: "5 rounds of 214ms to 250ms".
std::string rounds_of(const Group& group, const ComparisonReport& report) {
  if (group.rounds.empty())
    return fmt::format("{} of {}", tool::counted(report.rounds, "round"),
                       tool::written(report.round));
  const auto [shortest, longest] = std::ranges::minmax(group.rounds);
  std::string text =
      fmt::format("{} of {}", tool::counted(group.rounds.size(), "round"), tool::written(shortest));
  return shortest == longest ? text : text + " to " + tool::written(longest);
}

std::string row_of(const Entry& entry, const Case& what) {
  const std::string name = padded(entry.name, kNameColumns);
  if (entry.measured() == 0)
    return fmt::format("{} {}\n", name, entry.failure.empty() ? "not measured" : entry.failure);
  const Figure figure = deciding_figure(what);
  const Spread rate = spread_of(values_of(entry, static_cast<std::size_t>(figure)));
  std::string row = fmt::format(
      "{}{:>10} {:>10} {:>10} {:>10} {:>10} {:>8}", name, or_dash(rate.median, grouped),
      range_of(rate), or_dash(median_of(entry, Figure::server_cpu_us_per_message), of_us),
      or_dash(median_of(entry, Figure::p50), of_time),
      or_dash(median_of(entry, Figure::p99), of_time),
      or_dash(median_of(entry, Figure::server_memory_bytes_per_connection), of_bytes));
  std::string notes;
  if (entry.waiting > 0) notes += fmt::format("  {} left waiting", entry.waiting);
  if (entry.problems.total() > 0) notes += "  errors: " + to_text(entry.problems);
  if (!entry.failure.empty()) notes += "  " + entry.failure;
  row += '\n';
  return notes.empty() ? row : row + std::string(kNameColumns, ' ') + notes + '\n';
}

}  // namespace

std::uint64_t failures_in(const ComparisonReport& report) {
  std::uint64_t failures = 0;
  for (const Group& group : report.groups)
    for (const Entry& entry : group.entries) {
      const bool never_tried = entry.rounds.empty() && entry.model != nullptr;
      failures += entry.problems.total() + (entry.failure.empty() || never_tried ? 0 : 1);
    }
  return failures;
}

std::string to_table(const ComparisonReport& report) {
  std::string text, sentences;
  for (const Group& group : report.groups) {
    text += fmt::format("{}; {}\n", to_text(group.what), rounds_of(group, report));
    text += fmt::format("{:<{}}{:>10} {:>10} {:>10} {:>10} {:>10} {:>8}\n", "MODEL", kNameColumns,
                        group.what.churn > 0 ? "CONN/S" : "MESSAGES/S", "ROUNDS", "CPU/MSG", "P50",
                        "P99", "MEM/CONN");
    for (const Entry& entry : group.entries) text += row_of(entry, group.what);
    text += '\n';
    sentences += tool::paragraph(tool::escaped(verdict_of(group).sentence), 0, kColumns);
  }
  return text + sentences + (report.interrupted ? "interrupted: rounds are missing\n" : "") + '\n' +
         to_text(report.environment);
}

}  // namespace headrace::bench
