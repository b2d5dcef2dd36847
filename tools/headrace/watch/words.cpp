// SPDX-License-Identifier: MIT
//
// Every time has its unit, and the right one: 1852 ms is 1.85s.
#include "watch/words.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace headrace::watch {

namespace {

using namespace std::chrono;
using Json = nlohmann::ordered_json;

std::string text_of(const TcpEndpoint& end) { return std::string{TcpEndpointText{end}.view()}; }

// The system's clock at that moment of the monotonic one.
system_clock::time_point time_of(std::int64_t monotonic_ns) {
  const nanoseconds ago = steady_clock::now().time_since_epoch() - nanoseconds{monotonic_ns};
  return system_clock::now() - duration_cast<system_clock::duration>(ago);
}

long long microseconds_in(system_clock::time_point time) {
  return duration_cast<microseconds>(time.time_since_epoch()).count() % 1'000'000;
}

std::string ordinal(unsigned number) {
  constexpr std::array<std::string_view, 4> kEndings{"th", "st", "nd", "rd"};
  const bool is_teen = number % 100 / 10 == 1;
  return fmt::format("{}{}", number, kEndings.at(is_teen || number % 10 > 3 ? 0 : number % 10));
}

nanoseconds left_of(const TcpSocket& socket, nanoseconds later) {
  return std::max(nanoseconds{0}, nanoseconds{socket.timer_remaining} - later);
}

std::string left_text(nanoseconds left) { return left == 0ns ? "now" : short_time(left); }

std::string_view short_name(TcpTimer timer) {
  constexpr std::array<std::string_view, 5> kNames{"-", "rtx", "keep", "2msl", "probe"};
  return kNames.at(static_cast<std::size_t>(timer));
}

std::string rtt_text(const TcpSocket& socket) {
  if (!socket.details || socket.details->rtt.count() == 0) return "-";
  return short_time(socket.details->rtt);
}

}  // namespace

std::string short_time(nanoseconds time) {
  const auto us = duration_cast<microseconds>(time).count();
  const auto ms = us / 1000;
  const auto s = ms / 1000;
  if (us < 1000) return fmt::format("{}us", us);
  if (ms < 100) return fmt::format("{}.{}ms", ms, us / 100 % 10);
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (s < 10) return fmt::format("{}.{:02}s", s, ms / 10 % 100);
  if (s < 60) return fmt::format("{}.{}s", s, ms / 100 % 10);
  if (s < 600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 3600) return fmt::format("{}m", s / 60);
  if (s < 86400) return fmt::format("{}h", s / 3600);
  return fmt::format("{}d", s / 86400);
}

std::string short_count(std::uint64_t number) {
  if (number < 1000) return fmt::format("{}", number);
  constexpr std::string_view kUnits = "KMGTPE";
  std::size_t unit = 0;
  while (number >= 1000 * 1024 && unit + 1 < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  const std::uint64_t tenths = number * 10 / 1024;
  if (tenths < 100) return fmt::format("{}.{}{}", tenths / 10, tenths % 10, kUnits[unit]);
  return fmt::format("{}{}", tenths / 10, kUnits[unit]);
}

std::string age_text(const TcpSighting& sighting, nanoseconds later) {
  const nanoseconds age = sighting.age + later;
  if (sighting.age_known) return short_time(age);
  return age < 1ms ? "-" : ">" + short_time(age);
}

std::string timer_text(const TcpSocket& socket, nanoseconds later) {
  if (socket.timer == TcpTimer::none) return "-";
  std::string text = fmt::format("{} {}", to_text(socket.timer), left_text(left_of(socket, later)));
  if (socket.tries != 0) text += fmt::format(" ({})", ordinal(socket.tries));
  return text;
}

std::string short_timer(const TcpSocket& socket, nanoseconds later) {
  if (socket.timer == TcpTimer::none) return "-";
  const nanoseconds left = left_of(socket, later);
  const std::string text = left < 1s || left >= 1min ? left_text(left)
                           : left >= 10s             ? fmt::format("{}s", left / 1s)
                                         : fmt::format("{}.{}s", left / 1s, left / 100ms % 10);
  return fmt::format("{} {}", short_name(socket.timer), text);
}

std::string owner_text(const TcpSocket& socket) {
  if (socket.owner.pid == 0) return "-";
  std::string text = fmt::format("{} {}", socket.owner.name(), socket.owner.pid);
  if (socket.owner.others != 0) text += fmt::format(" +{}", socket.owner.others);
  return socket.inode == 0 ? "(" + text + ")" : text;
}

std::string row_heading() {
  return fmt::format("{:<12} {:<21} {:<21} {:>6} {:>6} {:>6} {:>4} {:>6}  {:<23} {}", "STATE",
                     "LOCAL", "REMOTE", "AGE", "RECV-Q", "SEND-Q", "RETR", "RTT", "TIMER", "OWNER");
}

std::string row_line(const TcpSighting& sighting) {
  const TcpSocket& socket = sighting.socket;
  const bool listens = socket.state == TcpState::listen;
  const std::string timer =
      listens ? fmt::format("drops {}", socket.drops.value_or(0)) : timer_text(socket);
  const std::string retransmits =
      socket.details ? fmt::format("{}", socket.details->retransmits) : "-";
  return fmt::format("{:<12} {:<21} {:<21} {:>6} {:>6} {:>6} {:>4} {:>6}  {:<23} {}",
                     to_text(socket.state), text_of(socket.local), text_of(socket.remote),
                     age_text(sighting), socket.receive_queue, socket.send_queue, retransmits,
                     rtt_text(socket), timer, owner_text(socket));
}

std::string event_line(const TcpEvent& event) {
  std::string text =
      fmt::format("{} {} -> {} {} {}", clock_text(event.time_ns), to_text(event.from),
                  to_text(event.to), text_of(event.socket->local), text_of(event.socket->remote));
  if (event.socket->owner.pid != 0) text += fmt::format(" {}", owner_text(*event.socket));
  text += fmt::format(" [{}]", to_text(event.source));
  if (event.passed_over)
    text += event.from == event.to ? " lived between two looks" : " unseen between";
  if (!event.legal) text += " ILLEGAL: RFC 9293 has no such way";
  return text;
}

// JSON.

namespace {

Json owner_json(const TcpSocket& socket) {
  if (socket.owner.pid == 0) return nullptr;
  return {{"pid", socket.owner.pid},
          {"name", std::string{socket.owner.name()}},
          {"others", socket.owner.others},
          {"holds_it", socket.inode != 0}};
}

void add_socket(Json& to, const TcpSocket& socket) {
  to["local"] = text_of(socket.local);
  to["remote"] = text_of(socket.remote);
  to["family"] = socket.ipv6 ? "ipv6" : "ipv4";
  if (socket.state == TcpState::listen) {
    to["accept_queue"] = socket.receive_queue;
    to["backlog"] = socket.send_queue;
  } else {
    to["receive_queue"] = socket.receive_queue;
    to["send_queue"] = socket.send_queue;
  }
  to["drops"] = socket.drops ? Json(*socket.drops) : Json(nullptr);
  to["timer"] = nullptr;
  if (socket.timer != TcpTimer::none)
    to["timer"] = {{"kind", to_text(socket.timer)},
                   {"remaining_ms", socket.timer_remaining.count()},
                   {"tries", socket.tries}};
  if (socket.details)
    to.update({{"rtt_us", socket.details->rtt.count()},
               {"rtt_variation_us", socket.details->rtt_variation.count()},
               {"retransmit_timeout_ms", socket.details->retransmit_timeout.count()},
               {"retransmits", socket.details->retransmits},
               {"congestion_window", socket.details->congestion_window},
               {"bytes_received", socket.details->bytes_received},
               {"bytes_acknowledged", socket.details->bytes_acknowledged}});
  to["owner"] = owner_json(socket);
  to["user"] = socket.user;
  to["inode"] = socket.inode;
}

std::string written(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string row_json(const TcpSighting& sighting, std::uint64_t network_namespace) {
  Json object{{"kind", "socket"},
              {"state", to_text(sighting.socket.state)},
              {"age_ms", duration_cast<milliseconds>(sighting.age).count()},
              {"age_known", sighting.age_known}};
  add_socket(object, sighting.socket);
  object["network_namespace"] = network_namespace;
  return written(object);
}

std::string event_json(const TcpEvent& event, std::uint64_t network_namespace) {
  Json object{{"kind", "event"},
              {"time", iso_text(event.time_ns)},
              {"source", to_text(event.source)},
              {"from", to_text(event.from)},
              {"state", to_text(event.to)},
              {"legal", event.legal},
              {"passed_over", event.passed_over},
              {"ended", event.ended}};
  add_socket(object, *event.socket);
  object["network_namespace"] = network_namespace;
  return written(object);
}

std::string clock_text(std::int64_t monotonic_ns) {
  const auto time = time_of(monotonic_ns);
  return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(system_clock::to_time_t(time)),
                     microseconds_in(time));
}

std::string iso_text(std::int64_t monotonic_ns) {
  const auto time = time_of(monotonic_ns);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(system_clock::to_time_t(time)),
                     microseconds_in(time));
}

}  // namespace headrace::watch
