// SPDX-License-Identifier: MIT
//
// `headrace bench ADDR`: connect, load, look at the server's clock before and after, report.
#include "bench/bench_command.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "bench/connections.hpp"
#include "bench/load.hpp"
#include "bench/report.hpp"
#include "bench/server_cpu.hpp"
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

// A signal handler can be given nothing, so this one stands outside.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// While it lives, a first SIGINT or SIGTERM sets `interrupted`; a second one has its usual effect.
class Interruption {
 public:
  Interruption() noexcept {
    interrupted = false;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: epoll_wait must return
    (void)::sigaction(SIGINT, &action, &old_int_);     // fails only for a signal that is none
    (void)::sigaction(SIGTERM, &action, &old_term_);
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption() {
    (void)::sigaction(SIGINT, &old_int_, nullptr);
    (void)::sigaction(SIGTERM, &old_term_, nullptr);
  }

 private:
  struct sigaction old_int_{}, old_term_{};
};

template <class... Values>
int say(int status, fmt::format_string<Values...> text, Values&&... values) {
  return tool::complain(fmt::format(text, std::forward<Values>(values)...), status);
}

/// "connect to tcp://127.0.0.1:9: connection refused (connect)"
std::string explain(std::string_view what, const std::string& where, const Failure& failure) {
  return fmt::format("{} {}: {} ({})", what, where, failure.reason(), failure.call);
}

/// What to try when nobody listens there; empty for other failures.
std::string advice(const std::string& where, const Failure& failure) {
  if (failure.code != Errc::refused && failure.error != ENOENT) return {};
  return fmt::format(": is a server running there? try 'headrace serve echo --listen {}'", where);
}

/// What is wrong with the numbers, as a sentence; empty when nothing is.
std::string objection_to(const BenchOptions& options) {
  if (options.connections < 1) return "-c: at least 1 connection";
  if (options.size < 1 || options.size > kLargestMessage) return "--size: from 1 B to 1 GiB";
  if (options.in_flight < 1 || options.in_flight > kMostInFlight)
    return fmt::format("--in-flight: from 1 to {}", kMostInFlight);
  if (options.connections > kMostInAll / options.in_flight)
    return fmt::format("-c times --in-flight: at most {}", kMostInAll);
  if (options.duration && options.duration->count() <= 0) return "-d: more than 0s";
  if (options.messages && *options.messages < 1) return "-n: at least 1 message";
  if (options.timeout.count() <= 0) return "--timeout: more than 0s";
  return {};
}

LoadOptions load_options(const BenchOptions& options) {
  LoadOptions load{.size = options.size,
                   .in_flight = options.in_flight,
                   .duration = options.duration,
                   .messages = options.messages,
                   .timeout = options.timeout,
                   .verify = options.verify};
  if (!load.duration && !load.messages) load.duration = kDefaultDuration;
  return load;
}

/// Runs the load and watches the clocks of both sides.
BenchReport measure(Load& load, ServerCpu& server) {
  BenchReport report;
  server.start();
  const auto before = own_cpu_time();
  load.run();
  report.generator_cpu = own_cpu_time() - before;
  report.server_cpu = server.used();
  report.server_pids = server.pids();
  report.interrupted = interrupted;
  load.finish();
  report.result = load.result();
  return report;
}

/// "; 984 of 1000 messages were answered": when -n alone was to end the run.
std::string shortfall(const BenchReport& report) {
  const auto asked = report.options.messages;
  if (!asked || report.options.duration || report.result.messages >= *asked) return {};
  return fmt::format("; {} of {} were answered", report.result.messages,
                     tool::counted(*asked, "message"));
}

int judge(const BenchReport& report) {
  if (report.result.problems.total() == 0) return kDone;
  if (const auto& first = report.result.first_corruption)
    (void)say(kFailed, "{}: connection {}, byte {} of its stream: sent 0x{:02x}, received 0x{:02x}",
              report.address, first->connection + 1, first->position + 1,
              std::to_integer<unsigned>(first->sent), std::to_integer<unsigned>(first->received));
  return say(kFailed, "{}: errors: {}{}", report.address, to_text(report.result.problems),
             shortfall(report));
}

int run_on(const Address& address, const BenchOptions& options) {
  const std::string where{AddressText{address}.view()};
  auto connected = connect_all(address, options.connections, options.timeout, interrupted);
  if (!connected)
    return tool::complain(
        explain("connect to", where, connected.error()) + advice(where, connected.error()),
        kFailed);
  if (connected->missing > 0)
    (void)say(kFailed, "{} of {} could not be opened: {}", connected->missing,
              tool::counted(options.connections, "connection"),
              explain("connect to", where, connected->failure));

  const LoadOptions load_as = load_options(options);
  auto load = Load::on(std::move(connected->sockets), load_as, interrupted);
  if (!load) return tool::complain(explain("load", where, load.error()), kFailed);
  ServerCpu server{address};
  BenchReport report = measure(*load, server);
  report.address = where;
  report.options = load_as;
  report.connections_asked = options.connections;
  report.result.problems.add(problem_of(connected->failure), connected->missing);
  const int printed = tool::print(options.json ? to_json(report) : to_table(report));
  return std::max(printed, judge(report));
}

}  // namespace

int run_bench(const BenchOptions& options) {
  const auto address = Address::parse(options.address);
  if (!address) return say(kWrongUsage, "'{}': {}", options.address, address.error().call);
  if (!address->is_stream())
    return say(kWrongUsage, "'{}': bench speaks tcp and unix streams so far", options.address);
  if (const std::string objection = objection_to(options); !objection.empty())
    return say(kWrongUsage, "bench {}", objection);
  if (const std::size_t room = room_for_connections(); options.connections > room)
    return say(kFailed,
               "{} need more descriptors than this process may have; {} would fit: raise "
               "`ulimit -Hn` or use -c {}",
               tool::counted(options.connections, "connection"), room, room);
  const Interruption interruption;
  return run_on(*address, options);
}

}  // namespace headrace::bench
