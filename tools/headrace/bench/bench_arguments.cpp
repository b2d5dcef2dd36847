// SPDX-License-Identifier: MIT
//
// `headrace bench`: its options.
#include <fmt/format.h>

#include "bench/bench_command.hpp"
#include "options.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kExamples =
    R"(  headrace bench 7788                                    # 100 connections, 64 B, 5 s
  headrace bench 7788 -c 1000 --size 16KiB -d 10s --verify
  headrace bench unix:/tmp/echo.sock -n 100000 --in-flight 16 --json
)";

Parsed<std::size_t> parse_message_size(std::string_view text) {
  const auto size = parse_size(text);
  if (size && *size == 0) return std::unexpected(std::string{"a message has at least 1 byte"});
  return size;
}

void add_bench_options(Options& options, bench::BenchOptions& to) {
  options.add("-c,--connections", "N", to.connections, number_from<std::size_t>(1),
              fmt::format("connections, all open at once (default {})", to.connections));
  options.add("--size", "SIZE", to.size, parse_message_size,
              fmt::format("bytes in a message (default {}B)", to.size));
  options.add("-d,--duration", "TIME", to.duration, parse_duration,
              "how long (default 5s, or until -n is reached)");
  options.add("-n,--messages", "N", to.messages, number_from<std::uint64_t>(1),
              "stop when so many are answered");
  options.add("--in-flight", "N", to.in_flight, number_from<std::size_t>(1),
              fmt::format("messages under way on each connection (default {})", to.in_flight));
  options.add("--timeout", "TIME", to.timeout, parse_duration,
              fmt::format("to connect, and for an answer (default {})", written(to.timeout)));
  options.add_flag("--verify", to.verify, "look at every byte that comes back");
  options.add_flag("--json", to.json, "the report as JSON");
}

}  // namespace

int bench_command(const Words& words) {
  bench::BenchOptions bench;
  Options options{
      "bench",
      {.examples = kExamples,
       .description =
           "Sends messages to the echo server at ADDR, each when the one before it is answered,\n"
           "and reports rate, latency and, when the server runs here, its CPU time per message.\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT, unix:/PATH.  SIZE: 64, 16KiB, 1MiB.  TIME: "
           "500ms, 5s, 2m.\n"
           "Errors: missing (no full answer came), surplus (more came back than was sent), "
           "corrupt\n"
           "(with --verify), closed or reset by the server; headrace-bench(1) has them all."}};
  options.add_argument("address", bench.address, parse_stream_address);
  add_bench_options(options, bench);
  return options.parse_and_run(words, [&] {
    if (bench.address.empty())
      return options.complain_about("which ADDR? Write e.g. 'headrace bench 7788'");
    return bench::run_bench(bench);
  });
}

}  // namespace headrace::tool
