// SPDX-License-Identifier: MIT
//
// The log for a program: one JSON object a line. Keys only ever get added; numbers are exact.
//
// Bytes of a peer are shown as in the text log (escaped, cut to a line): a log is no capture, and
// JSON must be UTF-8.
#include <nlohmann/json.hpp>

#include "escape.hpp"
#include "event_times.hpp"
#include "explain.hpp"
#include "serve_events.hpp"

namespace headrace::tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownColumns = 80;

std::string shown(const Address& address) { return escaped(AddressText{address}); }

double seconds_in(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

std::string_view key_of(Departure how) noexcept {
  switch (how) {
    case Departure::finished:
      return "finished";
    case Departure::timed_out:
      return "timed_out";
    case Departure::reset:
      return "reset";
    case Departure::cut:
      return "cut";
    case Departure::killed:
      return "killed";
    case Departure::kicked:
      return "kicked";
  }
  return "";
}

std::string_view key_of(Refusal why) noexcept {
  switch (why) {
    case Refusal::max_connections:
      return "max_connections";
    case Refusal::max_per_address:
      return "max_per_address";
    case Refusal::out_of_resources:
      return "out_of_resources";
    case Refusal::draining:
      return "draining";
    case Refusal::descriptor_limit:
      return "descriptor_limit";
  }
  return "";
}

Json counts_of(const DatagramCounts& datagrams) {
  return {{"received", datagrams.received},
          {"sent", datagrams.sent},
          {"bytes_received", datagrams.bytes_received},
          {"bytes_sent", datagrams.bytes_sent},
          {"unanswered", datagrams.unanswered},
          {"rate_limited", datagrams.limited},
          {"failed", datagrams.failed},
          {"truncated", datagrams.truncated},
          {"dropped", datagrams.dropped}};
}

Json counts(const Statistics& now) {
  return {{"seconds", seconds_in(now.running)},
          {"connections", now.connections},
          {"open", now.open},
          {"most_at_once", now.most_at_once},
          {"messages", now.messages},
          {"bytes_received", now.bytes_received},
          {"bytes_sent", now.bytes_sent},
          {"refused", now.refused},
          {"timed_out", now.timed_out},
          {"reset", now.reset},
          {"cut", now.cut},
          {"killed", now.killed},
          {"kicked", now.kicked},
          {"datagrams", counts_of(now.datagrams)}};
}

class JsonEvents final : public ServerEvents {
 public:
  JsonEvents(Log& log, std::chrono::nanoseconds drain, Level comings)
      : log_{log}, drain_{drain}, comings_{comings} {}

  bool wants_messages() const noexcept override { return log_.wants(Level::detail); }

  void listening(const Address& at, const ModelInfo& model, unsigned workers,
                 int backlog) noexcept override {
    say(Level::info, "listening", [&]() -> Json {
      return {{"address", shown(at)},
              {"model", model.name},
              {"workers", workers},
              {"backlog", backlog}};
    });
  }

  void arrived(const ConnectionView& connection) noexcept override {
    say(comings_, "arrived",
        [&]() -> Json { return {{"id", connection.id}, {"peer", shown(connection.peer)}}; });
  }

  void message(const ConnectionView& connection, ByteView bytes) noexcept override {
    say(Level::detail, "message", [&]() -> Json {
      const std::string text = escaped_line(text_of(bytes), kShownColumns);
      return {{"id", connection.id}, {"bytes", bytes.size()}, {"text", text}};
    });
  }

  void datagram(const DatagramView& datagram, ByteView bytes) noexcept override {
    say(Level::detail, "datagram", [&]() -> Json {
      const std::string text = escaped_line(text_of(bytes), kShownColumns);
      return {{"number", datagram.number},
              {"sender", shown(datagram.sender)},
              {"at", shown(datagram.at)},
              {"bytes", bytes.size()},
              {"text", text}};
    });
  }

  void departed(const ConnectionView& connection, Departure how) noexcept override {
    // A process that died is worth a warning: its service has a bug, or somebody killed it.
    say(how == Departure::killed ? Level::warning : comings_, "departed", [&]() -> Json {
      Json fields{{"id", connection.id}, {"peer", shown(connection.peer)}, {"how", key_of(how)}};
      fields["seconds"] = seconds_in(connection.age);
      fields["messages"] = connection.messages;
      fields["bytes_received"] = connection.bytes_received;
      fields["bytes_sent"] = connection.bytes_sent;
      return fields;
    });
  }

  void refused(const Address& peer, Refusal why) noexcept override {
    if (!wants_messages() && !refusals_.may_speak()) return;  // the summary counts them all
    say(Level::warning, "refused",
        [&]() -> Json { return {{"peer", shown(peer)}, {"why", key_of(why)}}; });
  }

  void accept_paused(const Failure& failure) noexcept override {
    say(Level::warning, "accept_paused", [&] { return described("", failure); });
  }

  void statistics(const Statistics& now) noexcept override {
    say(Level::info, "statistics", [&] { return counts(now); });
  }

  void draining(std::uint64_t open) noexcept override {
    say(Level::info, "draining",
        [&]() -> Json { return {{"open", open}, {"at_most_seconds", seconds_in(drain_)}}; });
  }

  void stopped(const Statistics& total) noexcept override {
    log_.finish();  // of all lines the summary must not be the one that finds no room
    say(Level::info, "stopped", [&] { return counts(total); });
    log_.finish();
  }

  void failed(std::string_view address, const Failure& failure) noexcept override {
    say(Level::error, "failed", [&] { return described(address, failure); });
    log_.finish();
  }

 private:
  static Json described(std::string_view address, const Failure& failure) {
    return {{"message", explain(address, failure)},
            {"address", escaped(address)},
            {"call", failure.call},
            {"reason", failure.reason()},
            {"errno", failure.error}};
  }

  template <class Fields>
  void say(Level level, std::string_view event, const Fields& fields) noexcept {
    log_.say(level, [&] {
      Json line{{"time", now_as_iso8601()}, {"level", to_text(level)}, {"event", event}};
      line.update(fields());
      return line.dump(-1, ' ', false, Json::error_handler_t::replace);
    });
  }

  Log& log_;
  std::chrono::nanoseconds drain_;
  Level comings_;
  OncePerSecond refusals_;
};

}  // namespace

std::unique_ptr<ServerEvents> make_json_events(Log& log, std::chrono::nanoseconds drain,
                                               Level comings) {
  return std::make_unique<JsonEvents>(log, drain, comings);
}

}  // namespace headrace::tool
