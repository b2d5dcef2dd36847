// SPDX-License-Identifier: MIT
//
// A comparison as JSON: of every figure the median, and all rounds. What is not known is null.
#include <algorithm>
#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

#include "bench/compare/report.hpp"
#include "bench/compare/verdict.hpp"
#include "bench/report.hpp"

namespace headrace::bench {

namespace {

using Json = nlohmann::ordered_json;

Json or_null(std::optional<double> number) { return number ? Json(*number) : Json(nullptr); }

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json range_of(const std::vector<std::optional<double>>& values) {
  const Spread spread = spread_of(values);
  Json rounds = Json::array();
  for (const auto& value : values) rounds.push_back(or_null(value));
  return {
      {"lowest", or_null(spread.lowest)}, {"highest", or_null(spread.highest)}, {"rounds", rounds}};
}

/// Puts `make`(figure) under each figure's name, latencies in an object of their own.
void put_figures(Json& object, const auto& make) {
  object["latency_us"] = Json::object();
  for (std::size_t figure = 0; figure < kFigureCount; ++figure) {
    const std::string name{kFigureNames[figure]};
    (is_latency(figure) ? object["latency_us"] : object)[name] = make(figure);
  }
}

Json json_of(const Entry& entry, const Case& what) {
  Json json{{"compare", to_text(what.comparison)},
            {"name", entry.name},
            {"model", entry.model != nullptr ? Json(entry.model->name) : Json(nullptr)},
            {"server", text_or_null(entry.command)},
            {"workers", entry.workers ? Json(*entry.workers) : Json(nullptr)},
            {"connections", what.connections},
            {"active", what.active},
            {"size", what.size},
            {"in_flight", what.in_flight},
            {"rate", nullptr},
            {"churn", what.churn > 0 ? Json(what.churn) : Json(nullptr)},
            {"messages", entry.messages},
            {"errors", entry.problems.total()},
            {"errors_by_kind", to_json(entry.problems)},
            {"connections_never_answered", entry.waiting}};
  put_figures(json, [&](std::size_t figure) {
    return or_null(spread_of(values_of(entry, figure)).median);
  });
  // A rate is never unknown: nobody was answered.
  for (const Figure figure : {Figure::messages_per_second, Figure::bytes_per_second})
    if (Json& rate = json[std::string{kFigureNames[static_cast<std::size_t>(figure)]}];
        rate.is_null())
      rate = 0;
  json["rounds"] = entry.measured();
  json["spread"] = Json::object();
  put_figures(json["spread"],
              [&](std::size_t figure) { return range_of(values_of(entry, figure)); });
  json["failure"] = text_or_null(entry.failure);
  return json;
}

Json json_of(const Verdict& verdict, const Case& what) {
  const bool compared = verdict.first != nullptr;
  return {{"compare", to_text(what.comparison)},
          {"connections", what.connections},
          {"size", what.size},
          {"winner", verdict.is_clear ? Json(verdict.first->name) : Json(nullptr)},
          {"runner_up", compared ? Json(verdict.second->name) : Json(nullptr)},
          {"ahead_percent", compared ? Json(verdict.ahead * 100) : Json(nullptr)},
          {"sentence", verdict.sentence}};
}

// With a limit the shortest that was measured.
double round_seconds(const ComparisonReport& report) {
  auto shortest = report.within ? std::chrono::nanoseconds::max() : report.round;
  for (const Group& group : report.groups)
    for (const auto length : group.rounds) shortest = std::min(shortest, length);
  if (shortest == std::chrono::nanoseconds::max()) shortest = report.round;
  return std::chrono::duration<double>(shortest).count();
}

Json seconds_or_null(std::optional<std::chrono::nanoseconds> time) {
  return time ? Json(std::chrono::duration<double>(*time).count()) : Json(nullptr);
}

}  // namespace

Json to_json(const ComparisonReport& report) {
  Json compare = Json::array(), verdicts = Json::array(), results = Json::array();
  for (const Comparison comparison : report.compare) compare.push_back(to_text(comparison));
  for (const Group& group : report.groups) {
    verdicts.push_back(json_of(verdict_of(group), group.what));
    for (const Entry& entry : group.entries) results.push_back(json_of(entry, group.what));
  }
  return {{"schema_version", 1},
          {"kind", "comparison"},
          {"compare", compare},
          {"rounds", report.rounds},
          {"round_seconds", round_seconds(report)},
          {"within_seconds", seconds_or_null(report.within)},
          {"interrupted", report.interrupted},
          {"environment", to_json(report.environment)},
          {"verdicts", verdicts},
          {"results", results}};
}

}  // namespace headrace::bench
