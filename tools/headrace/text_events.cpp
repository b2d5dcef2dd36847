// SPDX-License-Identifier: MIT
//
// The log for a person. What a peer chose (its bytes, the path of its socket) is escaped before it
// is shown.
#include <algorithm>

#include <fmt/format.h>

#include "datagram_traffic.hpp"
#include "escape.hpp"
#include "event_times.hpp"
#include "explain.hpp"
#include "serve_events.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

std::string shown(const Address& address) {
  if (address.is_unix() && address.path().empty()) return "unix:(unnamed)";  // most clients
  return escaped(AddressText{address});
}

std::string traffic(std::uint64_t messages, std::uint64_t in, std::uint64_t out) {
  return fmt::format("{}, {} B in, {} B out", counted(messages, "message"), in, out);
}

// ", 32 workers"; nothing for a model that has none.
std::string workers_of(const ModelInfo& model, unsigned count) {
  if (model.workers.empty()) return "";
  return ", " + counted(count, "worker");
}

class TextEvents final : public ServerEvents {
 public:
  TextEvents(Log& log, std::chrono::nanoseconds drain, Level comings)
      : log_{log}, drain_{drain}, comings_{comings} {}

  bool wants_messages() const noexcept override { return log_.wants(Level::detail); }

  void listening(const Address& at, const ModelInfo& model, unsigned workers,
                 int backlog) noexcept override {
    (at.is_stream() ? serves_streams_ : serves_datagrams_) = true;
    log_.say(Level::info, [&] {
      return fmt::format("listening on {} (model {}{}{})", shown(at), model.name,
                         workers_of(model, workers),
                         at.is_stream() ? fmt::format(", backlog {}", backlog) : "");
    });
  }

  void datagram(const DatagramView& datagram, ByteView bytes) noexcept override {
    log_.say(Level::detail, [&] {
      const std::string start = fmt::format("{} from {}, {}: ", datagram.number,
                                            shown(datagram.sender), counted(bytes.size(), "byte"));
      const std::size_t columns = log_.columns();
      return start + escaped_line(text_of(bytes), columns - std::min(columns, start.size()));
    });
  }

  void arrived(const ConnectionView& connection) noexcept override {
    log_.say(comings_,
             [&] { return fmt::format("#{} {} arrived", connection.id, shown(connection.peer)); });
  }

  void message(const ConnectionView& connection, ByteView bytes) noexcept override {
    log_.say(Level::detail, [&] {
      const std::string start =
          fmt::format("#{} recv {}: ", connection.id, counted(bytes.size(), "byte"));
      const std::size_t columns = log_.columns();
      return start + escaped_line(text_of(bytes), columns - std::min(columns, start.size()));
    });
  }

  void departed(const ConnectionView& connection, Departure how) noexcept override {
    // A process that died is worth a warning: its service has a bug, or somebody killed it.
    log_.say(how == Departure::killed ? Level::warning : comings_, [&] {
      const std::string_view reason = to_text(how);
      return fmt::format(
          "#{} {} departed{} after {}: {}", connection.id, shown(connection.peer),
          reason.empty() ? "" : fmt::format(" ({})", reason), spoken(connection.age),
          traffic(connection.messages, connection.bytes_received, connection.bytes_sent));
    });
  }

  void refused(const Address& peer, Refusal why) noexcept override {
    if (!wants_messages() && !refusals_.may_speak()) return;  // the summary counts them all
    log_.say(Level::warning,
             [&] { return fmt::format("refused {}: {}", shown(peer), to_text(why)); });
  }

  void accept_paused(const Failure& failure) noexcept override {
    log_.say(Level::warning, [&] {
      return fmt::format("accepting has paused: {}; tried again until it works",
                         explain("", failure));
    });
  }

  void statistics(const Statistics& now) noexcept override {
    if (serves_streams_)
      log_.say(Level::info, [&] {
        return fmt::format("stats: {} open, {}, {}, {} refused", now.open,
                           counted(now.connections, "connection"),
                           traffic(now.messages, now.bytes_received, now.bytes_sent), now.refused);
      });
    if (serves_datagrams_)
      log_.say(Level::info, [&] { return "stats: " + datagram_traffic(now.datagrams); });
  }

  void draining(std::uint64_t open) noexcept override {
    log_.say(Level::info, [&] {
      return serves_streams_ || !serves_datagrams_
                 ? fmt::format("draining: {} open, at most {}", counted(open, "connection"),
                               written(drain_))
                 : fmt::format("draining: what is queued, at most {}", written(drain_));
    });
  }

  void stopped(const Statistics& total) noexcept override {
    log_.finish();  // of all lines the summary must not be the one that finds no room
    if (serves_datagrams_ && !serves_streams_) {
      log_.say(Level::info, [&] {
        return fmt::format("stopped after {}: {}", spoken(total.running),
                           datagram_traffic(total.datagrams));
      });
      return log_.finish();
    }
    log_.say(Level::info, [&] {
      return fmt::format("stopped after {}: {}, at most {} at once", spoken(total.running),
                         counted(total.connections, "connection"), total.most_at_once);
    });
    if (serves_datagrams_) log_.say(Level::info, [&] { return datagram_traffic(total.datagrams); });
    log_.say(Level::info,
             [&] { return traffic(total.messages, total.bytes_received, total.bytes_sent); });
    log_.say(Level::info, [&] {
      const std::string killed =
          total.killed == 0 ? "" : fmt::format(", {} killed with their process", total.killed);
      const std::string kicked = total.kicked == 0 ? "" : fmt::format(", {} kicked", total.kicked);
      return fmt::format("{} refused, {} timed out, {} reset, {} cut by the drain{}{}",
                         total.refused, total.timed_out, total.reset, total.cut, killed, kicked);
    });
    log_.finish();
  }

  void failed(std::string_view address, const Failure& failure) noexcept override {
    log_.say(Level::error, [&] { return "headrace: " + explain(address, failure); });
    log_.finish();
  }

 private:
  Log& log_;
  std::chrono::nanoseconds drain_;
  Level comings_;
  OncePerSecond refusals_;
  bool serves_streams_ = false;  // told while the server starts
  bool serves_datagrams_ = false;
};

}  // namespace

std::unique_ptr<ServerEvents> make_text_events(Log& log, std::chrono::nanoseconds drain,
                                               Level comings) {
  return std::make_unique<TextEvents>(log, drain, comings);
}

std::string_view to_text(Departure how) noexcept {
  switch (how) {
    case Departure::finished:
      return "";
    case Departure::timed_out:
      return "timed out";
    case Departure::reset:
      return "reset by the peer";
    case Departure::cut:
      return "cut by the drain";
    case Departure::kicked:
      return "kicked";
    case Departure::killed:
      return "its process was killed";
  }
  return "";
}

std::string_view to_text(Refusal why) noexcept {
  switch (why) {
    case Refusal::max_connections:
      return "--max-connections reached";
    case Refusal::max_per_address:
      return "--max-per-address reached";
    case Refusal::out_of_resources:
      return "no descriptor, thread or memory to serve it with";
    case Refusal::draining:
      return "the server is stopping";
    case Refusal::descriptor_limit:
      return "select cannot watch a descriptor beyond 1023; another --model can";
  }
  return "";
}

}  // namespace headrace::tool
