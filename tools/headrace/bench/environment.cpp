// SPDX-License-Identifier: MIT
//
// uname(2), sched_getaffinity(2), files below /proc.
#include "bench/environment.hpp"

#include <algorithm>
#include <fstream>

#include <sched.h>
#include <sys/utsname.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "escape.hpp"
#include "log.hpp"
#include "machine_limits.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::bench {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kColumns = 80;

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::vector<int> cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> numbers;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};  // more than 1024 cores
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) numbers.push_back(core);
  return numbers;
}

std::string processor() {
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(':');
    return colon == std::string::npos ? "" : line.substr(std::min(colon + 2, line.size()));
  }
  return "";
}

std::optional<double> load_average() {
  double load = 0;
  if (std::ifstream file{"/proc/loadavg"}; file >> load) return load;
  return std::nullopt;
}

std::optional<std::uint64_t> local_ports() {
  std::uint64_t first = 0, last = 0;
  std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"};
  if (file >> first >> last && last >= first) return last - first + 1;
  return std::nullopt;
}

std::string build() {
  std::string text =
#ifdef __OPTIMIZE__
      "optimized";
#else
      "not optimized";
#endif
#ifndef NDEBUG
  text += ", with assertions";
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  text += ", with a sanitizer";
#endif
  return text;
}

std::string cores_text(const std::vector<int>& cores) {
  return fmt::format("core{} {}", cores.size() == 1 ? "" : "s", fmt::join(cores, ", "));
}

Json or_null(const auto& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::string Pinning::text() const {
  if (server && load)
    return fmt::format("server on {}, load on {}", cores_text(*server), cores_text(*load));
  if (load) return fmt::format("load on {}, server not pinned", cores_text(*load));
  return "nothing pinned";
}

Environment here(std::string command) {
  return {.kernel = kernel(),
          .cores = cores(),
          .processor = processor(),
          .load = load_average(),
          .build = build(),
          .time = tool::now_as_iso8601(),
          .command = std::move(command),
          .pinning = {}};
}

std::string to_text(const Environment& environment) {
  const auto limits = tool::machine_limits();
  const auto line = [](const std::string& text) { return tool::paragraph(text, 0, kColumns); };
  const auto ports = local_ports();
  return line(fmt::format(
             "{}, {}{}; {}; load average before: {}", environment.kernel,
             tool::counted(environment.cores.size(), "core"),
             environment.processor.empty() ? "" : fmt::format(" ({})", environment.processor),
             environment.pinning.text(),
             environment.load ? fmt::format("{:.2f}", *environment.load) : "unknown")) +
         line(fmt::format("limits: {} descriptors, backlog {}, {} local ports; headrace {}, {}",
                          limits.descriptors_raised, limits.somaxconn.value_or(0),
                          ports.value_or(0), tool::kVersion, environment.build)) +
         fmt::format("again: {}\n", tool::escaped(environment.command));
}

Json to_json(const Environment& environment) {
  const auto limits = tool::machine_limits();
  return {
      {"kernel", environment.kernel},
      {"cores", environment.cores.size()},
      {"processor", environment.processor.empty() ? Json(nullptr) : Json(environment.processor)},
      {"pinning",
       {{"server", or_null(environment.pinning.server)},
        {"load", or_null(environment.pinning.load)},
        {"text", environment.pinning.text()}}},
      {"limits",
       {{"descriptors", limits.descriptors_raised},
        {"somaxconn", or_null(limits.somaxconn)},
        {"threads_max", or_null(limits.threads_max)},
        {"ports", or_null(local_ports())}}},
      {"load_average", or_null(environment.load)},
      {"version", tool::kVersion},
      {"build", environment.build},
      {"time", environment.time},
      {"command", environment.command}};
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=@%+-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string{word};
  std::string quoted = "'";
  for (const char letter : word)
    quoted += letter == '\'' ? std::string{"'\\''"} : std::string(1, letter);
  return quoted + "'";
}

}  // namespace headrace::bench
