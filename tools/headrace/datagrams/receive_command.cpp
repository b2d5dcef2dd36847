// SPDX-License-Identifier: MIT
//
// `headrace receive`: one task takes datagrams and shows them, another waits for Ctrl-C. Whoever
// ends first cancels the other.
#include "datagrams/receive_command.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "datagrams/data_output.hpp"
#include "datagrams/datagram_address.hpp"
#include "datagrams/encodings.hpp"
#include "datagrams/explain_datagram.hpp"
#include "datagrams/reception_counts.hpp"
#include "headrace/datagram.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "log.hpp"
#include "net/signals.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kBetweenRemarks{1};

Look look_for(const ReceiveArguments& asked) {
  Look look{.form = Form::line, .for_person = ::isatty(STDOUT_FILENO) == 1};
  if (asked.raw) look.form = Form::raw;
  if (asked.verbose) look.form = Form::both;
  if (asked.hex) look.form = Form::dump;
  if (asked.json) look.form = Form::json;
  look.with_hex = asked.hex;
  const bool needs_text = look.form == Form::both || look.form == Form::json;
  if (!asked.encoding.empty() || needs_text)
    look.decode = decoder_of(asked.encoding.empty() ? "utf-8" : asked.encoding);
  return look;
}

// Broadcasts and groups are not sent to the address of an interface: a socket bound to one would
// be deaf to them. An ADDR without a host means the wildcard then.
Address place_to_bind(const Address& at, const ReceiveArguments& asked) {
  if (asked.broadcast && asked.groups.empty())
    return Address::ip(Transport::udp, "broadcast", at.port());
  if (asked.groups.empty()) return at;
  const bool all_v4 = std::ranges::none_of(
      asked.groups, [](const Address& group) { return group.host().contains(':'); });
  return Address::ip(Transport::udp, all_v4 ? "0.0.0.0" : "*", at.port());
}

bool is_group(const Address& at) {
  const auto endpoint = Endpoint::of(at);
  return endpoint && endpoint->is_multicast();
}

/// Remarks on datagrams, on stderr: all with -v, else one a second.
class Remarks {
 public:
  explicit Remarks(Log& log) : log_{log} {}

  void say(std::string remark) {
    if (remark.empty()) return;
    const auto now = Clock::now();
    if (!log_.wants(Level::detail) && now < next_) {
      ++left_out_;
      return;
    }
    next_ = now + kBetweenRemarks;
    if (left_out_ > 0)
      remark += fmt::format(" ({} before it left out)", counted(left_out_, "remark"));
    left_out_ = 0;
    log_.say(Level::warning, [&] { return remark; });
  }

 private:
  Log& log_;
  Clock::time_point next_{};
  std::uint64_t left_out_ = 0;
};

class Reception {
 public:
  Reception(Engine& engine, Address at, const ReceiveArguments& asked, int stop)
      : engine_{engine},
        at_{at},
        asked_{asked},
        stop_{stop},
        look_{look_for(asked)},
        log_{STDERR_FILENO, asked.json ? LogFormat::json : LogFormat::text,
             asked.verbose ? Level::detail : Level::info},
        output_{stop} {}

  Task<> run();
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  [[nodiscard]] bool is_for_broadcast() const noexcept {
    return asked_.broadcast || at_.host() == "broadcast";
  }
  [[nodiscard]] Result<Datagram> open() const;
  Task<> take_all(Datagram& socket, TaskScope& scope);
  Task<> wait_for_stop(TaskScope& scope);
  [[nodiscard]] bool show(const Received& received, std::uint64_t dropped);
  void say_listening(const Datagram& socket);
  void say_summary(const Datagram& socket);
  void end_on(const Failure& failure);

  Engine& engine_;
  Address at_;
  const ReceiveArguments& asked_;
  int stop_;
  Look look_;
  Log log_;
  DataOutput output_;
  Remarks remarks_{log_};
  ReceptionCounts counts_;
  Clock::time_point started_ = Clock::now();
  int status_ = kDone;
};

Result<Datagram> Reception::open() const {
  const auto at = without_name(at_, stop_);
  if (!at) return std::unexpected(at.error());
  std::vector<Address> groups = asked_.groups;
  if (is_group(*at)) groups.push_back(*at);
  const bool for_many = is_for_broadcast() || !groups.empty();
  auto socket = Datagram::bind(engine_, place_to_bind(*at, asked_),
                               {.shared = for_many, .receive_buffer = asked_.kernel_buffer});
  if (!socket) return socket;
  for (const Address& group : groups) {
    const auto endpoint = Endpoint::of(group);
    if (!endpoint) return std::unexpected(endpoint.error());
    const auto joined = socket->join(*endpoint, asked_.interface);
    if (!joined) return std::unexpected(joined.error());
  }
  return socket;
}

Task<> Reception::run() {
  auto socket = open();
  if (!socket) {
    const bool was_told_to_end = socket.error().code == Errc::canceled;
    if (!was_told_to_end) status_ = complain(explain_receive(at_, socket.error()), kFailed);
    co_return;
  }
  say_listening(*socket);
  started_ = Clock::now();
  TaskScope scope{engine_};
  auto spawned = scope.spawn(wait_for_stop(scope));
  if (spawned) spawned = scope.spawn(take_all(*socket, scope));
  // Cancelled: Ctrl-C came before we had begun.
  if (!spawned && spawned.error().code != Errc::canceled) {
    scope.cancel();
    status_ = complain(explain_receive(at_, spawned.error()), kFailed);
  }
  co_await scope.join();
  say_summary(*socket);
}

Task<> Reception::wait_for_stop(TaskScope& scope) {
  const auto stopped = co_await engine_.wait_ready(stop_, Direction::readable);
  if (stopped) scope.cancel();
}

Task<> Reception::take_all(Datagram& socket, TaskScope& scope) {
  const Deadline patience = asked_.timeout ? Deadline::after(*asked_.timeout) : Deadline::never();
  while (!asked_.count || counts_.datagrams() < *asked_.count) {
    auto received = co_await socket.receive(patience);
    if (!received) {
      end_on(received.error());
      break;
    }
    const bool goes_on = show(*received, socket.counts().dropped);
    if (!goes_on) break;
  }
  scope.cancel();
}

bool Reception::show(const Received& received, std::uint64_t dropped) {
  const std::string_view whole = text_of({received.data(), received.size()});
  Arrival arrival{.sender = received.sender().address(),
                  .bytes = whole.substr(0, asked_.buffer),
                  .size = whole.size(),
                  .size_is_known = !received.is_truncated()};
  counts_.note(arrival, dropped);
  const auto written = output_.write(shown(arrival, look_));
  if (!written) {
    if (written.error().code != Errc::canceled) status_ = complain_about_output(written.error());
    return false;
  }
  if (!asked_.json) remarks_.say(remark_on(arrival));
  return true;
}

// Enough came, or the time was up, or we were told to stop.
void Reception::end_on(const Failure& failure) {
  if (failure.code == Errc::canceled) return;
  if (failure.code != Errc::timed_out) {
    status_ = complain(explain_receive(at_, failure), kFailed);
    return;
  }
  if (!asked_.count && counts_.datagrams() > 0) return;  // an end as good as any
  const std::string came = asked_.count ? fmt::format("{} of {} came, and then nothing",
                                                      counts_.datagrams(), *asked_.count)
                                        : "nothing came";
  status_ = complain(fmt::format("receive on {}: {} within {}", AddressText{at_}.view(), came,
                                 written(*asked_.timeout)),
                     kFailed);
}

void Reception::say_listening(const Datagram& socket) {
  const std::string where{AddressText{socket.local()}.view()};
  log_.say(Level::info, [&]() -> std::string {
    if (asked_.json)
      return nlohmann::ordered_json{{"time", now_as_iso8601()},
                                    {"level", to_text(Level::info)},
                                    {"event", "listening"},
                                    {"address", where},
                                    {"kernel_buffer", socket.receive_buffer()}}
          .dump();
    return fmt::format("{}listening on {} (kernel buffer {} bytes)",
                       is_for_broadcast() ? "wait msg: " : "", where, socket.receive_buffer());
  });
}

void Reception::say_summary(const Datagram& socket) {
  const std::uint64_t dropped = socket.counts().dropped;
  const auto lasted = Clock::now() - started_;
  log_.say(Level::info, [&] {
    return asked_.json ? counts_.as_json(dropped, lasted) : counts_.as_text(dropped, lasted);
  });
  log_.finish();
}

}  // namespace

int run_receive(const Address& at, const ReceiveArguments& asked) {
  auto signals = net::StopSignals::catch_them(nullptr);
  if (!signals) return complain(explain_receive(at, signals.error()), kFailed);
  auto engine = Engine::create(EngineKind::epoll_edge);
  if (!engine) return complain(explain_receive(at, engine.error()), kFailed);
  Reception reception{**engine, at, asked, signals->descriptor()};
  (*engine)->run(reception.run());
  return reception.status();
}

}  // namespace headrace::tool
