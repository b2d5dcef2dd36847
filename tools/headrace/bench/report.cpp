// SPDX-License-Identifier: MIT
//
// The two forms of a BenchReport. Rates are computed here, so that both forms agree.
#include "bench/report.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <utility>

#include <sys/utsname.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "units.hpp"

namespace headrace::bench {

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

/// The quantiles of the report: how people and how programs call them.
struct Quantile {
  std::string_view text, key;
  double share;
};
constexpr std::array<Quantile, 4> kQuantiles = {
    {{"p50", "p50", 0.5}, {"p90", "p90", 0.9}, {"p99", "p99", 0.99}, {"p99.9", "p999", 0.999}}};

double seconds_of(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

double messages_per_second(const LoadResult& result) {
  const double seconds = seconds_of(result.elapsed);
  return seconds > 0 ? static_cast<double>(result.messages) / seconds : 0;
}

double bytes_per_second(const BenchReport& report) {
  return messages_per_second(report.result) * static_cast<double>(report.options.size);
}

std::optional<double> us_per_message(std::optional<nanoseconds> time, std::uint64_t messages) {
  if (!time || messages == 0) return std::nullopt;
  return seconds_of(*time) * 1e6 / static_cast<double>(messages);
}

double share_of_a_core(nanoseconds time, const LoadResult& result) {
  return result.elapsed.count() > 0 ? seconds_of(time) / seconds_of(result.elapsed) : 0;
}

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

/// "1,234,567"
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

std::string of_time(std::uint64_t ns) {
  const double us = static_cast<double>(ns) / 1e3;
  if (us < 1e3) return fmt::format("{:8.1f} us", us);
  if (us < 1e6) return fmt::format("{:8.2f} ms", us / 1e3);
  return fmt::format("{:8.2f} s", us / 1e6);
}

std::string latency_lines(const Histogram& latency) {
  if (latency.count() == 0)
    return fmt::format("{:<16}unknown: no message was answered in that time\n", "latency");
  std::string lines;
  std::string_view title = "latency";
  for (const Quantile& quantile : kQuantiles)
    lines += fmt::format("{:<16}{:<6}{}\n", std::exchange(title, ""), quantile.text,
                         of_time(latency.quantile(quantile.share)));
  return lines + fmt::format("{:<16}{:<6}{}\n", "", "max", of_time(latency.max()));
}

std::string cpu_line(std::string_view who, nanoseconds time, const LoadResult& result) {
  const auto us = us_per_message(time, result.messages);
  return fmt::format("{:<16}{}{:.0f}% of a core", who,
                     us ? fmt::format("{:.2f} us a message, ", *us) : "",
                     share_of_a_core(time, result) * 100);
}

std::string cpu_lines(const BenchReport& report) {
  const LoadResult& result = report.result;
  std::string lines;
  if (report.server_cpu)
    lines += fmt::format("{} (pid {})\n", cpu_line("server CPU", *report.server_cpu, result),
                         fmt::join(report.server_pids.begin(),
                                   report.server_pids.begin() +
                                       std::min<std::ptrdiff_t>(std::ssize(report.server_pids), 4),
                                   ", "));
  else
    lines +=
        fmt::format("{:<16}unknown: no process of this machine that we may see\n", "server CPU");
  lines += cpu_line("bench CPU", report.generator_cpu, result) + '\n';
  const bool used_up = share_of_a_core(report.generator_cpu, result) > 0.97;
  const bool server_rests = report.server_cpu && share_of_a_core(*report.server_cpu, result) < 0.9;
  if (used_up && server_rests)
    lines += fmt::format("{:<16}bench used up its core: the server could do more\n", "");
  return lines;
}

std::string title_of(const BenchReport& report) {
  const LoadOptions& options = report.options;
  return fmt::format("{}: {}, {} B, {} in flight, {:.2f} s{}{}\n\n", report.address,
                     tool::counted(report.result.connections, "connection"), options.size,
                     options.in_flight, seconds_of(report.result.elapsed),
                     options.verify ? ", every byte checked" : "",
                     report.interrupted ? ", interrupted" : "");
}

Json or_null(std::optional<double> number) { return number ? Json(*number) : Json(nullptr); }

Json latency_as_json(const Histogram& latency) {
  const auto us = [&](std::uint64_t ns) {
    return latency.count() == 0 ? Json(nullptr) : Json(static_cast<double>(ns) / 1e3);
  };
  Json object;
  for (const Quantile& quantile : kQuantiles)
    object[quantile.key] = us(latency.quantile(quantile.share));
  object["max"] = us(latency.max());
  return object;
}

Json problems_as_json(const Problems& problems) {
  Json object = Json::object();
  for (std::size_t kind = 0; kind < kProblemKinds; ++kind)
    if (const auto problem = static_cast<Problem>(kind); problems.count(problem) > 0)
      object[std::string{to_text(problem)}] = problems.count(problem);
  return object;
}

}  // namespace

std::string to_text(const Problems& problems) {
  std::vector<std::string> parts;
  for (std::size_t kind = 0; kind < kProblemKinds; ++kind)
    if (const auto problem = static_cast<Problem>(kind); problems.count(problem) > 0)
      parts.push_back(fmt::format("{} {}", problems.count(problem), to_text(problem)));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string to_table(const BenchReport& report) {
  const LoadResult& result = report.result;
  std::string table = title_of(report);
  table += fmt::format("{:<16}{}\n", "messages", grouped(static_cast<double>(result.messages)));
  table += fmt::format("{:<16}{} messages/s, {}/s each way\n", "rate",
                       grouped(messages_per_second(result)), of_bytes(bytes_per_second(report)));
  table += latency_lines(result.latency);
  table += cpu_lines(report);
  if (result.never_answered > 0)
    table += fmt::format("{:<16}{} without an answer in that time\n", "waiting",
                         tool::counted(result.never_answered, "connection"));
  table += fmt::format("{:<16}{}\n", "errors", to_text(result.problems));
  return table;
}

std::string to_json(const BenchReport& report) {
  const LoadOptions& options = report.options;
  const LoadResult& result = report.result;
  Json json;
  json["messages_per_second"] = messages_per_second(result);
  json["bytes_per_second"] = bytes_per_second(report);
  json["latency_us"] = latency_as_json(result.latency);
  json["messages"] = result.messages;
  json["errors"] = result.problems.total();
  json["errors_by_kind"] = problems_as_json(result.problems);
  json["connections"] = result.connections;
  json["connections_asked"] = report.connections_asked;
  json["connections_never_answered"] = result.never_answered;
  json["server_cpu_us_per_message"] = or_null(us_per_message(report.server_cpu, result.messages));
  json["server_pids"] = report.server_pids;
  json["bench_cpu_us_per_message"] = or_null(us_per_message(report.generator_cpu, result.messages));
  json["address"] = report.address;
  json["size"] = options.size;
  json["in_flight"] = options.in_flight;
  json["seconds"] = seconds_of(result.elapsed);
  json["verify"] = options.verify;
  json["interrupted"] = report.interrupted;
  json["kernel"] = kernel();
  json["cores"] = std::thread::hardware_concurrency();
  return json.dump(2) + '\n';
}

}  // namespace headrace::bench
