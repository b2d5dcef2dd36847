// SPDX-License-Identifier: MIT
//
// A load's report as JSON. What is not known is null, never 0.
#include <nlohmann/json.hpp>

#include "bench/figures.hpp"
#include "bench/report.hpp"

namespace headrace::bench {

namespace {

using Json = nlohmann::ordered_json;

Json or_null(std::optional<double> number) { return number ? Json(*number) : Json(nullptr); }

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Json latency_of(const Figures& figures) {
  Json object;
  for (std::size_t figure = kFigureCount - kLatencyFigures; figure < kFigureCount; ++figure)
    object[std::string{kFigureNames[figure]}] = or_null(figures.at(figure));
  return object;
}

Json datagrams_of(const LoadResult& result) {
  return {{"sent", result.datagrams.sent},
          {"lost", result.problems.count(Problem::lost)},
          {"late", result.datagrams.late},
          {"repeated", result.datagrams.repeated},
          {"foreign", result.datagrams.foreign}};
}

}  // namespace

Json to_json(const Problems& problems) {
  Json object = Json::object();
  for (std::size_t kind = 0; kind < kProblemKinds; ++kind)
    if (const auto problem = static_cast<Problem>(kind); problems.count(problem) > 0)
      object[std::string{to_text(problem)}] = problems.count(problem);
  return object;
}

Json to_json(const BenchReport& report) {
  const Plan& plan = report.plan;
  const LoadOptions& load = plan.load;
  const Measurement& measured = report.measurement;
  const LoadResult& result = measured.result;
  const Figures figures = figures_of(measured, load);
  Json json;
  const auto put = [&](Figure figure) {
    json[std::string{kFigureNames[static_cast<std::size_t>(figure)]}] = or_null(figures[figure]);
  };
  json["schema_version"] = 1;
  json["kind"] = "load";
  put(Figure::messages_per_second);
  put(Figure::bytes_per_second);
  json["latency_us"] = latency_of(figures);
  json["messages"] = result.messages;
  json["errors"] = result.problems.total();
  json["errors_by_kind"] = to_json(result.problems);
  json["connections"] = result.connections;
  json["connections_asked"] = report.connections_asked;
  json["connections_never_answered"] = result.never_answered;
  json["connections_idle"] = std::min(load.idle, result.connections);
  json["connections_opened"] = load.churn > 0 ? result.opened : result.connections;
  put(Figure::connections_per_second);
  put(Figure::server_cpu_us_per_message);
  put(Figure::server_cores_used);
  put(Figure::server_memory_bytes_per_connection);
  json["server_pids"] = measured.server_pids;
  put(Figure::bench_cpu_us_per_message);
  json["messages_behind"] = result.behind;
  json["datagrams"] =
      plan.address.transport() == Transport::udp ? datagrams_of(result) : Json(nullptr);
  json["address"] = std::string{AddressText{plan.address}.view()};
  json["size"] = load.size;
  json["in_flight"] = load.in_flight;
  json["rate"] = or_null(load.rate);
  json["churn"] = load.churn > 0 ? Json(load.churn) : Json(nullptr);
  json["threads"] = plan.threads;
  json["warmup_seconds"] = seconds_of(plan.warm_up.time);
  json["seconds"] = seconds_of(result.elapsed);
  json["verify"] = load.verify;
  json["interrupted"] = measured.interrupted;
  json["kernel"] = report.environment.kernel;
  json["cores"] = report.environment.cores.size();
  json["environment"] = to_json(report.environment);
  return json;
}

}  // namespace headrace::bench
