// SPDX-License-Identifier: MIT
//
// `headrace bench ADDR`: check the numbers, measure, report, judge.
#include "bench/bench_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/connections.hpp"
#include "bench/datagrams.hpp"
#include "bench/delivery.hpp"
#include "bench/interruption.hpp"
#include "bench/load_view.hpp"
#include "bench/measure.hpp"
#include "bench/report.hpp"
#include "headrace/address.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

using tool::kDone, tool::kFailed, tool::kWrongUsage;

constexpr std::chrono::seconds kDefaultDuration{5};
constexpr std::size_t kLargestMessage = std::size_t{1} << 30;
constexpr std::size_t kMostInFlight = std::size_t{1} << 16;  // a connection
constexpr std::size_t kMostInAll = std::size_t{1} << 26;     // 8 bytes each: 512 MiB
constexpr unsigned kMostThreads = 256;

template <class... Values>
int say(int status, fmt::format_string<Values...> text, Values&&... values) {
  return tool::complain(fmt::format(text, std::forward<Values>(values)...), status);
}

std::string objection_to_datagrams(const BenchOptions& options, const Address& address) {
  if (address.transport() == Transport::unix_datagram)
    return "bench speaks tcp, unix and udp; a unix-datagram server could not answer";
  if (address.transport() != Transport::udp) return {};
  if (options.churn) return "bench --churn: there is no connection to open over udp";
  if (options.size < Datagrams::kHeader || options.size > Datagrams::kLargest)
    return fmt::format("bench --size: over udp from {} B, which hold a number, to {} B",
                       Datagrams::kHeader, Datagrams::kLargest);
  return {};
}

Plan plan_of(const BenchOptions& options, const Address& address) {
  Plan plan{.address = address,
            .connections = options.connections.value_or(kDefaultConnections),
            .ramp = options.ramp,
            .warm_up = {.time = options.warm_up},
            .threads = options.threads};
  plan.load = {.size = options.size,
               .in_flight = options.in_flight,
               .idle = plan.connections - options.active.value_or(plan.connections),
               .duration = options.duration,
               .messages = options.messages,
               .timeout = options.timeout,
               .verify = options.verify,
               .churn = options.churn.value_or(0)};
  if (options.rate) plan.load.rate = static_cast<double>(*options.rate);
  if (!plan.load.duration && !plan.load.messages) plan.load.duration = kDefaultDuration;
  return plan;
}

/// "; 984 of 1000 messages were answered": when -n alone was to end the run.
std::string shortfall(const BenchReport& report) {
  const LoadOptions& load = report.plan.load;
  const std::uint64_t answered = report.measurement.result.messages;
  if (!load.messages || load.duration || answered >= *load.messages) return {};
  return fmt::format("; {} of {} were answered", answered,
                     tool::counted(*load.messages, "message"));
}

int judge(const BenchReport& report) {
  const LoadResult& result = report.measurement.result;
  if (result.problems.total() == 0) return kDone;
  const AddressText where{report.plan.address};
  if (const auto& first = result.first_corruption)
    (void)say(kFailed, "{}: connection {}, byte {} of its stream: sent 0x{:02x}, received 0x{:02x}",
              where.view(), first->connection + 1, first->position + 1,
              std::to_integer<unsigned>(first->sent), std::to_integer<unsigned>(first->received));
  return say(kFailed, "{}: errors: {}{}", where.view(), to_text(result.problems),
             shortfall(report));
}

int deliver(const BenchReport& report, const BenchOptions& options, PageFile& page) {
  const auto& measured = report.measurement;
  if (measured.missing > 0)
    (void)say(kFailed, "{} of {} could not be opened: {}", measured.missing,
              tool::counted(report.connections_asked, "connection"),
              explain_connecting(report.plan.address, measured.missing_why));
  const nlohmann::ordered_json json = to_json(report);
  const int printed = tool::print(options.json ? json_text(json) : to_table(report));
  return std::max({printed, page.write(json), judge(report)});
}

}  // namespace

std::string_view to_text(Comparison comparison) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"models", "connections", "sizes", "workers",
                                                      "churn"};
  return kNames[static_cast<std::size_t>(comparison)];
}

std::string objection_to(const BenchOptions& options) {
  const std::size_t connections = options.connections.value_or(kDefaultConnections);
  if (connections < 1) return "-c: at least 1 connection";
  if (options.active && (*options.active < 1 || *options.active > connections))
    return fmt::format("--active: from 1 to the number of connections, {}", connections);
  if (options.size < 1 || options.size > kLargestMessage) return "--size: from 1 B to 1 GiB";
  if (options.in_flight < 1 || options.in_flight > kMostInFlight)
    return fmt::format("--in-flight: from 1 to {}", kMostInFlight);
  if (connections > kMostInAll / options.in_flight)
    return fmt::format("-c times --in-flight: at most {}", kMostInAll);
  if (options.duration && options.duration->count() <= 0) return "-d: more than 0s";
  if (options.messages && *options.messages < 1) return "-n: at least 1 message";
  if (options.timeout.count() <= 0) return "--timeout: more than 0s";
  if (options.within && options.within->count() <= 0) return "--within: more than 0s";
  if (options.threads < 1 || options.threads > kMostThreads)
    return fmt::format("--threads: from 1 to {}", kMostThreads);
  if (options.churn && options.rate) return "--churn: as fast as it goes, without --rate";
  if (options.churn && (options.active || options.in_flight > 1 || options.ramp.count() > 0))
    return "--churn: without --active, --in-flight and --ramp: connections come and go";
  return {};
}

int run_bench(const BenchOptions& options) {
  const auto address = Address::parse(options.address);
  if (!address) return say(kWrongUsage, "'{}': {}", options.address, address.error().call);
  if (const std::string objection = objection_to_datagrams(options, *address); !objection.empty())
    return say(kWrongUsage, "'{}': {}", options.address, objection);
  if (const std::string objection = objection_to(options); !objection.empty())
    return say(kWrongUsage, "bench {}", objection);
  BenchReport report{.plan = plan_of(options, *address),
                     .connections_asked = options.connections.value_or(kDefaultConnections),
                     .measurement = {},
                     .environment = here(options.command)};
  if (const std::size_t room = room_for_connections(); report.connections_asked > room)
    return say(kFailed,
               "{} need more descriptors than this process may have; {} would fit: raise "
               "`ulimit -Hn` or use -c {}",
               tool::counted(report.connections_asked, "connection"), room, room);
  if (options.pid && ::kill(*options.pid, 0) != 0 && errno == ESRCH)
    return say(kFailed, "bench --pid: there is no process {}", *options.pid);
  PageFile page;
  if (!page.open(options.html)) return kFailed;
  const Interruption interruption;
  std::vector<pid_t> server;
  if (options.pid) server.push_back(*options.pid);
  LoadView view{report.plan};
  auto measured = measure(report.plan, ServerWatch{server}, view.taps(), Interruption::flag());
  view.end();
  if (!measured) return tool::complain(measured.error(), kFailed);
  report.measurement = std::move(*measured);
  return deliver(report, options, page);
}

}  // namespace headrace::bench
