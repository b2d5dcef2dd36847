// SPDX-License-Identifier: MIT
//
// A thread for each share of the connections, the first of them ours. They meet twice, at the ends
// of the window; whoever comes last reads the clocks while the others stand still.
#include "bench/measure.hpp"

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <iterator>
#include <memory>
#include <ranges>
#include <thread>
#include <utility>

#include <sys/prctl.h>

#include <fmt/format.h>

#include "bench/churn.hpp"
#include "bench/connections.hpp"
#include "bench/datagrams.hpp"
#include "bench/load.hpp"

namespace headrace::bench {

namespace {

using std::chrono::nanoseconds;
using Parts = std::vector<std::unique_ptr<Traffic>>;

std::string explain(std::string_view what, const Address& address, const Failure& failure) {
  return fmt::format("{} {}: {} ({})", what, AddressText{address}.view(), failure.reason(),
                     failure.call);
}

/// What to try when nobody listens there; empty for other failures.
std::string advice(const Address& address, const Failure& failure) {
  const bool silent = address.transport() == Transport::udp && failure.code == Errc::timed_out;
  if (failure.code != Errc::refused && failure.error != ENOENT && !silent) return {};
  return fmt::format(": is a server running there? try 'headrace serve echo --listen {}'",
                     AddressText{address}.view());
}

/// Reads the clocks and the memory of both sides.
class Clocks {
 public:
  explicit Clocks(ServerWatch& server) : server_{server} {}

  void start() noexcept {
    server_.start();
    own_before_ = own_cpu_time();
  }
  void stop() noexcept {
    own_ = own_cpu_time() - own_before_;
    server_used_ = server_.used();
  }
  [[nodiscard]] nanoseconds own() const noexcept { return own_; }
  [[nodiscard]] std::optional<nanoseconds> server() const noexcept { return server_used_; }

 private:
  ServerWatch& server_;
  nanoseconds own_before_{}, own_{};
  std::optional<nanoseconds> server_used_;
};

/// The share of thread `nth` of `count` things: they differ by one at most.
std::size_t share(std::size_t count, std::size_t nth, std::size_t threads) {
  return count / threads + (nth < count % threads ? 1 : 0);
}

/// What thread `nth` of `threads` is to do, with `busy` of `all_busy` connections, the first of
/// which is number `first`. The first thread keeps those that are idle.
LoadOptions share_of(const LoadOptions& load, std::size_t nth, std::size_t threads,
                     std::size_t busy, std::size_t all_busy, std::size_t first) {
  LoadOptions options = load;
  options.first = first;
  options.idle = nth == 0 ? load.idle : 0;
  options.makes_way = threads > 1;
  if (load.messages) options.messages = share(*load.messages, nth, threads);
  if (load.rate)
    options.rate = *load.rate * static_cast<double>(busy) / static_cast<double>(all_busy);
  return options;
}

/// How many threads have something to do.
std::size_t threads_for(const Plan& plan, std::size_t busy) {
  const std::uint64_t most = std::min<std::uint64_t>(busy, plan.load.messages.value_or(busy));
  return std::max<std::size_t>(1, std::min<std::uint64_t>(plan.threads, most));
}

Result<std::unique_ptr<Traffic>> traffic_on(const Plan& plan, std::vector<net::Socket> sockets,
                                            const LoadOptions& options,
                                            const std::atomic<bool>& stop, Tap* tap) {
  if (plan.address.transport() == Transport::udp)
    return Datagrams::on(std::move(sockets), options, stop, tap);
  return Load::on(std::move(sockets), options, stop, tap);
}

Tap* tap_of(std::deque<Tap>& taps, std::size_t nth) {
  return nth < taps.size() ? &taps[nth] : nullptr;
}

Result<Parts> parts_on(const Plan& plan, std::vector<net::Socket> sockets, std::deque<Tap>& taps,
                       const std::atomic<bool>& stop) {
  Parts parts;
  LoadOptions load = plan.load;
  load.idle = std::min(load.idle, sockets.size() - 1);
  const std::size_t busy = sockets.size() - load.idle;
  const std::size_t threads = threads_for(plan, busy);
  for (std::size_t nth = 0, first = 0; nth < threads; ++nth) {
    const std::size_t mine = share(busy, nth, threads);
    const LoadOptions options = share_of(load, nth, threads, mine, busy, first);
    std::vector<net::Socket> taken;
    for (std::size_t taking = 0; taking < mine; ++taking)
      taken.push_back(std::move(sockets[first++]));
    if (nth == 0) std::ranges::move(sockets | std::views::drop(busy), std::back_inserter(taken));
    auto part = traffic_on(plan, std::move(taken), options, stop, tap_of(taps, nth));
    if (!part) return std::unexpected(part.error());
    parts.push_back(std::move(*part));
  }
  return parts;
}

Result<Parts> churning_parts(const Plan& plan, std::deque<Tap>& taps,
                             const std::atomic<bool>& stop) {
  const auto targets = net::resolve(plan.address, false, net::Names::resolve);
  if (!targets) return std::unexpected(targets.error());
  Parts parts;
  const std::size_t threads = threads_for(plan, plan.connections);
  for (std::size_t nth = 0; nth < threads; ++nth) {
    const std::size_t mine = share(plan.connections, nth, threads);
    const LoadOptions options =
        share_of(plan.load, nth, threads, mine, plan.connections, nth << 24);
    auto part = Churn::to(targets->front(), mine, options, stop, tap_of(taps, nth));
    if (!part) return std::unexpected(part.error());
    parts.push_back(std::move(*part));
  }
  return parts;
}

void run_parts(const Plan& plan, Parts& parts, std::deque<Tap>& taps, Clocks& clocks,
               const auto& at_end) {
  const auto count = static_cast<std::ptrdiff_t>(parts.size());
  const auto start = [&]() noexcept { clocks.start(); };
  const auto stop = [&]() noexcept {
    clocks.stop();
    at_end();
  };
  std::barrier ready{count, start};
  std::barrier done{count, stop};
  const auto work = [&](std::size_t nth) {
    Traffic& part = *parts[nth];
    Tap* const tap = tap_of(taps, nth);
    if (plan.load.rate) (void)::prctl(PR_SET_TIMERSLACK, 1);  // else each wait is 50 us late
    if (tap != nullptr) tap->begin();
    part.warm_up(plan.warm_up);
    ready.arrive_and_wait();
    if (tap != nullptr) tap->begin();
    part.run();
    done.arrive_and_wait();
    part.finish();
  };
  std::vector<std::jthread> others;
  for (std::size_t nth = 1; nth < parts.size(); ++nth)
    others.emplace_back([&work, nth] { work(nth); });
  work(0);
}

struct Opened {
  Parts parts;
  std::size_t missing = 0;
  Failure why;
};

std::expected<Opened, std::string> open(const Plan& plan, std::deque<Tap>& taps,
                                        const std::atomic<bool>& stop) {
  const Address& address = plan.address;
  Opening opening{.count = plan.connections, .ramp = plan.ramp, .timeout = plan.load.timeout};
  if (plan.load.churn > 0) opening.count = 1;  // only to see that somebody listens
  const bool udp = address.transport() == Transport::udp;
  auto connected =
      udp ? open_datagram_sockets(address, opening, stop) : connect_all(address, opening, stop);
  if (!connected) return std::unexpected(explain_connecting(address, connected.error()));
  if (plan.load.churn > 0) connected->sockets.clear();
  auto parts = plan.load.churn > 0 ? churning_parts(plan, taps, stop)
                                   : parts_on(plan, std::move(connected->sockets), taps, stop);
  if (!parts) return std::unexpected(explain("load", address, parts.error()));
  return Opened{std::move(*parts), connected->missing, connected->failure};
}

std::optional<double> memory_each(std::optional<std::uint64_t> before,
                                  std::optional<std::uint64_t> now, std::size_t connections) {
  if (!before || !now || connections == 0) return std::nullopt;
  const double grown = static_cast<double>(*now) - static_cast<double>(*before);
  return std::max(grown, 0.0) / static_cast<double>(connections);
}

}  // namespace

std::string explain_connecting(const Address& address, const Failure& failure) {
  return explain("connect to", address, failure) + advice(address, failure);
}

std::expected<Measurement, std::string> measure(const Plan& plan, ServerWatch server,
                                                std::deque<Tap>& taps,
                                                const std::atomic<bool>& stop) {
  if (server.pids().empty()) server = ServerWatch::at(plan.address);
  const auto memory_before = plan.weighs ? server.memory() : std::nullopt;
  auto opened = open(plan, taps, stop);
  if (!opened) return std::unexpected(opened.error());
  if (server.pids().empty()) server = ServerWatch::at(plan.address);  // it has just come up

  Measurement measurement;
  Clocks clocks{server};
  run_parts(plan, opened->parts, taps, clocks, [&]() noexcept {
    measurement.interrupted = stop;
    if (plan.weighs && plan.load.churn == 0 && plan.address.is_stream())
      measurement.server_memory =
          memory_each(memory_before, server.memory(), plan.connections - opened->missing);
  });
  for (const auto& part : opened->parts) measurement.result.merge(part->result());
  measurement.missing = opened->missing;
  measurement.missing_why = opened->why;
  measurement.result.problems.add(problem_of(opened->why), opened->missing);
  measurement.server_pids = server.pids();
  measurement.server_cpu = clocks.server();
  measurement.generator_cpu = clocks.own();
  return measurement;
}

}  // namespace headrace::bench
