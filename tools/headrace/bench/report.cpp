// SPDX-License-Identifier: MIT
//
// A load's report for a person. The figures are those of the JSON.
#include "bench/report.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/figures.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string row(std::string_view name, const std::string& text) {
  return fmt::format("{:<16}{}\n", name, text);
}

std::string latency_lines(const Figures& figures, bool of_connections) {
  const std::string_view title = of_connections ? "from connect" : "latency";
  if (!figures[Figure::p50])
    return row(title,
               fmt::format("unknown: no {} in that time",
                           of_connections ? "connection was served" : "message was answered"));
  constexpr std::array<std::pair<std::string_view, Figure>, kLatencyFigures> kRows = {
      {{"p50", Figure::p50},
       {"p90", Figure::p90},
       {"p99", Figure::p99},
       {"p99.9", Figure::p999},
       {"p99.99", Figure::p9999},
       {"max", Figure::max}}};
  std::string lines;
  for (const auto& [name, figure] : kRows)
    lines += row(figure == Figure::p50 ? title : "",
                 fmt::format("{:<7}{:>12}", name, of_time(figures[figure].value_or(0))));
  return lines;
}

std::string rate_lines(const BenchReport& report, const Figures& figures) {
  const LoadOptions& load = report.plan.load;
  const LoadResult& result = report.measurement.result;
  std::string lines = row("messages", grouped(static_cast<double>(result.messages)));
  lines += row("rate", fmt::format("{} messages/s, {}/s each way",
                                   grouped(figures[Figure::messages_per_second].value_or(0)),
                                   of_bytes(figures[Figure::bytes_per_second].value_or(0))));
  if (load.rate)
    lines +=
        row("asked for", fmt::format("{} messages/s; {} not answered when the time was over",
                                     grouped(*load.rate), tool::counted(result.behind, "message")));
  if (load.churn > 0)
    lines +=
        row("connections", fmt::format("{}/s, {} opened, served and closed",
                                       grouped(figures[Figure::connections_per_second].value_or(0)),
                                       grouped(static_cast<double>(result.served))));
  return lines;
}

std::string cpu_text(std::optional<double> us, double cores) {
  return fmt::format("{}{:.0f}% of a core", us ? fmt::format("{:.2f} us a message, ", *us) : "",
                     cores * 100);
}

std::string cost_lines(const BenchReport& report, const Figures& figures) {
  const Measurement& measured = report.measurement;
  const double seconds = seconds_of(measured.result.elapsed);
  const double own = seconds > 0 ? seconds_of(measured.generator_cpu) / seconds : 0;
  const auto& pids = measured.server_pids;
  std::string lines;
  if (const auto cores = figures[Figure::server_cores_used])
    lines += row(
        "server CPU",
        fmt::format("{} (pid {}{})", cpu_text(figures[Figure::server_cpu_us_per_message], *cores),
                    fmt::join(pids.begin(),
                              pids.begin() + std::min<std::ptrdiff_t>(std::ssize(pids), 4), ", "),
                    pids.size() > 4 ? ", ..." : ""));
  else
    lines += row("server CPU", "unknown: no process of this machine that we may see");
  if (const auto memory = figures[Figure::server_memory_bytes_per_connection])
    lines += row("server memory", fmt::format("{} a connection", of_bytes(*memory)));
  lines += row("bench CPU", cpu_text(figures[Figure::bench_cpu_us_per_message], own));
  const bool used_up = own > 0.97 * report.plan.threads;
  if (used_up && figures[Figure::server_cores_used].value_or(1) < 0.9)
    lines += row("", "bench used up its core: the server could do more; try --threads");
  return lines;
}

std::string loss_line(const LoadResult& result) {
  const std::uint64_t lost = result.problems.count(Problem::lost);
  const std::uint64_t sent = result.datagrams.sent;
  const double percent =
      sent > 0 ? 100.0 * static_cast<double>(lost) / static_cast<double>(sent) : 0;
  return row("datagrams",
             fmt::format("{} sent, {} lost ({:.3g}%), {} late, {} repeated, {} foreign",
                         grouped(static_cast<double>(sent)), lost, percent, result.datagrams.late,
                         result.datagrams.repeated, result.datagrams.foreign));
}

std::string title_of(const BenchReport& report) {
  const LoadOptions& load = report.plan.load;
  const LoadResult& result = report.measurement.result;
  std::string text = fmt::format("{}: {}", AddressText{report.plan.address}.view(),
                                 tool::counted(result.connections, "connection"));
  if (load.churn > 0)
    text += fmt::format(" at a time, closed after {}", tool::counted(load.churn, "message"));
  if (const std::size_t idle = std::min(load.idle, result.connections); idle > 0)
    text += fmt::format(" ({} of them idle)", idle);
  text += fmt::format(", {} B, {} in flight, {:.2f} s", load.size, load.in_flight,
                      seconds_of(result.elapsed));
  if (load.verify) text += ", every byte checked";
  if (report.measurement.interrupted) text += ", interrupted";
  return text + "\n\n";
}

}  // namespace

std::string grouped(double number) {
  std::string text = fmt::format("{:.0f}", number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(text.begin() + at, ',');
  return text;
}

std::string of_bytes(double bytes) {
  constexpr std::array<std::string_view, 4> kUnits = {"B", "kB", "MB", "GB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < kUnits.size(); ++unit) bytes /= 1000;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string of_time(double us) {
  if (us < 1e3) return fmt::format("{:.1f} us", us);
  if (us < 1e6) return fmt::format("{:.2f} ms", us / 1e3);
  return fmt::format("{:.2f} s", us / 1e6);
}

std::string to_text(const Problems& problems) {
  std::vector<std::string> parts;
  for (std::size_t kind = 0; kind < kProblemKinds; ++kind)
    if (const auto problem = static_cast<Problem>(kind); problems.count(problem) > 0)
      parts.push_back(fmt::format("{} {}", problems.count(problem), to_text(problem)));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string to_table(const BenchReport& report) {
  const LoadResult& result = report.measurement.result;
  const Figures figures = figures_of(report.measurement, report.plan.load);
  std::string table = title_of(report);
  table += rate_lines(report, figures);
  table += latency_lines(figures, report.plan.load.churn > 0);
  table += cost_lines(report, figures);
  if (report.plan.address.transport() == Transport::udp) table += loss_line(result);
  if (result.never_answered > 0)
    table += row("waiting", fmt::format("{} without an answer in that time",
                                        tool::counted(result.never_answered, "connection")));
  return table + row("errors", to_text(result.problems));
}

}  // namespace headrace::bench
