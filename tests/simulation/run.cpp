// SPDX-License-Identifier: MIT
//
// The world of a run: what the seed decides, what the server tells, and what must be true of it.
#include "run.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <vector>

#include "allocations.hpp"
#include "engines/io_uring.hpp"
#include "headrace/headrace.hpp"
#include "kernel.hpp"
#include "peer.hpp"
#include "services.hpp"

namespace headrace::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMillisecond = 1'000'000;

/// How the server is asked to run.
struct Setting {
  enum class Echo : std::uint8_t { plain, patient, relay } echo = Echo::plain;
  bool at_tcp = true;
  bool at_unix = true;
  std::chrono::nanoseconds idle_timeout{};  // 0: never
  std::chrono::nanoseconds drain{};
  std::uint32_t most_connections = 1000;
};

Setting any_setting(Random& random) {
  Setting setting;
  setting.echo = static_cast<Setting::Echo>(random.below(4) % 3);
  setting.at_tcp = !random.one_in(5);
  setting.at_unix = !setting.at_tcp || random.one_in(3);
  if (!random.one_in(4)) setting.idle_timeout = 1ms * random.between(20, 5000);
  setting.drain = 1ms * random.up_to(3000);
  if (random.one_in(4))
    setting.most_connections = static_cast<std::uint32_t>(random.between(2, 20));
  return setting;
}

/// From none to many: a server must do without faults as well as with them.
Faults any_faults(Random& random) {
  const auto often = [&random](std::uint64_t least) {
    return random.one_in(2) ? 0 : least * static_cast<std::uint64_t>(random.up_to(32));
  };
  if (random.one_in(4)) return {};
  return {.interrupted = often(8),
          .nothing = often(8),
          .short_receive = often(2),
          .short_send = often(2),
          .pressure = often(8),
          .lost = often(16),
          .shortage = often(16),
          .broken = often(200),
          .unwatched = often(32),
          .ended = often(4)};
}

/// How roomy io_uring's queues are, and what the kernel has of it. Only for that model: others'
/// seeds stay what they are.
net::RingSizes any_ring(Random& random, Faults& faults) {
  const auto one_of = [&random](std::initializer_list<unsigned> sizes) {
    return sizes.begin()[random.below(sizes.size())];
  };
  const net::RingSizes sizes{
      .submissions = one_of({4, 8, 64, 256}),
      .completions = one_of({8, 16, 128, 1024}),
      .buffers = one_of({2, 8, 32, 256}),
      .allowed = random.one_in(4) ? net::RingFeatures{static_cast<std::uint8_t>(random.below(8))}
                                  : net::kAllRingFeatures};
  faults.one_receive = random.one_in(8);  // what it says it has
  faults.one_accept = random.one_in(8);
  return sizes;
}

class Run final : public ServerEvents, public ControlSource, public Actor {
 public:
  Run(Model model, std::uint64_t seed, Telling telling) : model_{model}, kernel_{seed} {
    if (telling == Telling::every_line) kernel_.trace.follow();
  }

  void go();
  [[nodiscard]] Outcome outcome(std::uint64_t seed) const;

  // What the server tells.

  void listening(const Address&, const ModelInfo&, unsigned, int) noexcept override {
    kernel_.is_calm = false;
  }
  void arrived(const ConnectionView& connection) noexcept override;
  void refused(const Address&, Refusal) noexcept override { kernel_.newest->excused = true; }
  void departed(const ConnectionView& connection, Departure how) noexcept override;
  void draining(std::uint64_t) noexcept override { kernel_.draining = true; }
  void stopped(const Statistics& total) noexcept override;
  void failed(std::string_view, const Failure& failure) noexcept override {
    kernel_.complain(std::string{"the server fails: "} + failure.reason());
  }

  // What it is commanded.

  [[nodiscard]] int descriptor() const noexcept override { return control_; }
  bool readable(Control& control) noexcept override;

  /// The operator stops the server, or kicks somebody; at once if something is wrong.
  void act() override;

 private:
  void invite_peers();
  void serve_them();
  void judge_end();
  void judge_departure(const Connection& stream, Departure how);
  [[nodiscard]] bool has_own_patience() const noexcept {
    return setting_.echo == Setting::Echo::patient;
  }
  /// Whether `silence` is so long that a connection may be given up, whichever of its tasks waits.
  [[nodiscard]] bool is_long(std::int64_t silence) const noexcept {
    return has_own_patience() || silence >= kernel_.idle_timeout - kMillisecond;
  }
  /// io_uring receives before anybody asks, so that who does not read to the end has not received
  /// all of it.
  [[nodiscard]] bool may_leave_some(const Connection& stream, Departure how) const noexcept {
    return model_ == Model::io_uring &&
           (how != Departure::finished || cuts_ || stream.kicked || stream.excused ||
            stream.peer_is_gone() || kernel_.draining);
  }
  void complain(const Connection& stream, const std::string& what) noexcept {
    kernel_.complain("peer " + std::to_string(stream.number()) + ": " + what);
  }

  Model model_;
  Kernel kernel_;
  CurrentKernel current_{kernel_};
  Setting setting_ = any_setting(kernel_.random);
  std::vector<std::unique_ptr<Peer>> peers_{};
  std::optional<Stopper> stopper_{};
  int control_ = -1;
  int kicks_left_ = 0;
  std::int64_t stop_at_ = kNever;
  std::int64_t stopped_at_ = kNever;
  bool cuts_ = false;  // by a second call to stop
  std::uint64_t served_ = 0, received_ = 0, sent_ = 0;
};

// What the seed decides.

void Run::invite_peers() {
  Random& random = kernel_.random;
  const std::int64_t count = random.between(10, 60);
  const std::int64_t within = random.up_to(200 * kMillisecond);
  const std::int64_t room = random.one_in(4) ? 300'000 : 30'000;
  for (std::int64_t index = 0; index < count; ++index) {
    Capacities capacities{static_cast<std::uint64_t>(random.up_to(room)),
                          static_cast<std::uint64_t>(random.up_to(room))};
    if (random.one_in(8)) capacities.receive = 200'000;  // more than one receive brings
    auto peer = std::make_unique<Peer>(kernel_, static_cast<std::uint32_t>(index + 1),
                                       Peer::any(random), capacities);
    kernel_.call_at(*peer, kernel_.now + random.between(0, within));
    peers_.push_back(std::move(peer));
  }
  kicks_left_ = random.one_in(3) ? static_cast<int>(random.between(1, 4)) : 0;
  // At some moment; or when nothing else happens any more, which is so by then.
  constexpr std::int64_t kLatest = 60'000 * kMillisecond;
  stop_at_ = kernel_.now + (random.one_in(3) ? random.up_to(500 * kMillisecond) : kLatest);
  kernel_.call_at(*this, stop_at_);
  if (kicks_left_ != 0) kernel_.call_at(*this, kernel_.now + random.between(0, within));
}

void Run::go() {
  if (kernel_.random.one_in(4))
    kernel_.descriptor_limit = static_cast<std::size_t>(kernel_.random.between(9, 24));
  const std::size_t before = kernel_.open_descriptors();
  stopper_.emplace();
  control_ = kernel_.open<Counter>(0U, true);
  kernel_.has_operator(*this);
  invite_peers();
  kernel_.faults = any_faults(kernel_.random);
  if (model_ == Model::io_uring) detail::set_ring_sizes(any_ring(kernel_.random, kernel_.faults));
  serve_them();
  (void)kernel_.close(control_);
  stopper_.reset();
  if (kernel_.open_descriptors() != before) kernel_.complain("a descriptor is left open");
  judge_end();
}

void Run::serve_them() {
  std::array<std::string_view, 2> texts{};
  std::size_t addresses = 0;
  if (setting_.at_tcp) texts[addresses++] = "tcp://127.0.0.1:7788";
  if (setting_.at_unix) texts[addresses++] = "unix:@simulated";
  const bool idles = setting_.idle_timeout != 0ns;
  if (idles && !has_own_patience()) kernel_.idle_timeout = setting_.idle_timeout.count();
  Patience patience{kernel_, 1ms * kernel_.random.between(1, 300),
                    static_cast<int>(kernel_.random.between(1, 4))};
  const Service service = setting_.echo == Setting::Echo::plain   ? Service{services::echo}
                          : setting_.echo == Setting::Echo::relay ? Service{relay_echo}
                                                                  : Service{patient_echo, patience};
  const int status = serve(
      service, {.listen = std::span<const std::string_view>{texts.data(), addresses},
                .model = model_,
                .max_connections = setting_.most_connections,
                .idle_timeout = idles ? Deadline::after(setting_.idle_timeout) : Deadline::never(),
                .drain = setting_.drain,
                .handle_signals = false,
                .stopper = &*stopper_,
                .control = this,
                .events = this});
  if (status != 0) kernel_.complain("serve() ends with status " + std::to_string(status));
}

// The operator.

void Run::act() {
  const bool has_to_stop = !kernel_.wrong().empty() || kernel_.now >= stop_at_;
  if (kicks_left_ != 0 && !has_to_stop) {
    --kicks_left_;
    const std::uint64_t one = 1;
    // The server reads it when it gets there.
    (void)static_cast<Counter*>(kernel_.at(control_))->write(&one, sizeof one);
    if (kicks_left_ != 0)
      kernel_.call_at(*this, kernel_.now + kernel_.random.up_to(50 * kMillisecond));
    else
      kernel_.call_at(*this, stop_at_);
    return;
  }
  kernel_.trace.note(kernel_.now, "operator stops", 0, 0, 0);
  const bool again = std::exchange(kernel_.is_stopping, true);
  cuts_ = cuts_ || again || !kernel_.wrong().empty();
  if (!again) stopped_at_ = stop_at_ = kernel_.now;
  stopper_->stop();
  if (!kernel_.wrong().empty()) return stopper_->stop();
  if (!again && kernel_.random.one_in(4))
    kernel_.call_at(*this, kernel_.now + kernel_.random.up_to(100 * kMillisecond));
}

bool Run::readable(Control& control) noexcept {
  std::uint64_t count = 0;
  (void)kernel_.at(control_)->read(&count, sizeof count);
  const auto& open = kernel_.accepted();
  if (open.empty()) return true;
  Connection& chosen = *open[kernel_.random.below(open.size())];
  if (chosen.id == 0) return true;
  chosen.kicked = control.kick(chosen.id) || chosen.kicked;
  kernel_.trace.note(kernel_.now, "operator kicks", chosen.number(), 0, chosen.kicked ? 1 : 0);
  return true;
}

// What the server tells.

void Run::arrived(const ConnectionView& connection) noexcept {
  kernel_.newest->id = connection.id;
  ++served_;
}

void Run::departed(const ConnectionView& connection, Departure how) noexcept {
  const auto& open = kernel_.accepted();
  const auto found = std::ranges::find(open, connection.id, &Connection::id);
  if (found == open.end()) return kernel_.complain("somebody departs who is not there");
  Connection& stream = **found;
  kernel_.trace.note(kernel_.now, "departs", stream.number(), static_cast<int>(how), 0);
  if (stream.departed) complain(stream, "departs twice");
  stream.departed = true;
  received_ += connection.bytes_received;
  sent_ += stream.sent;
  const bool as_received =
      connection.bytes_received == stream.received ||
      (may_leave_some(stream, how) && connection.bytes_received < stream.received);
  if (!as_received || connection.bytes_sent != stream.sent)
    complain(stream, "its bytes are counted wrongly");
  judge_departure(stream, how);
}

void Run::judge_departure(const Connection& stream, Departure how) {
  if (stream.excused || stream.peer_is_gone()) return;
  switch (how) {
    case Departure::finished:
      if (cuts_ || stream.kicked) return;
      if (kernel_.draining && is_long(stream.silent_when_shut)) return;  // then bytes: it lingers
      if (!stream.saw_end && (!kernel_.draining || stream.last_receive != -EAGAIN)) {
        if (kernel_.refused_memory == 0) return complain(stream, "is left while it still talks");
        --kernel_.refused_memory;
        return;
      }
      if (stream.sent != stream.to_echo)
        complain(stream, std::to_string(stream.to_echo - stream.sent) + " bytes are lost");
      return;
    case Departure::timed_out:
      if (!is_long(kernel_.now - stream.moved_at)) complain(stream, "times out before its time");
      return;
    case Departure::cut:
      if (!cuts_ && (stopped_at_ == kNever || kernel_.now < stopped_at_ + setting_.drain.count()))
        complain(stream, "is cut before the drain's time is over");
      return;
    case Departure::kicked:
      if (!stream.kicked) complain(stream, "is kicked by nobody");
      return;
    case Departure::reset:
    case Departure::killed:
      return complain(stream, "departs as reset, which it is not");
  }
}

void Run::stopped(const Statistics& total) noexcept {
  if (total.connections != served_ || total.open != 0)
    kernel_.complain("the server has counted " + std::to_string(total.connections) +
                     " connections of " + std::to_string(served_) + ", and " +
                     std::to_string(total.open) + " still open");
  if (total.bytes_received != received_ || total.bytes_sent != sent_)
    kernel_.complain("the server has counted bytes wrongly");
}

void Run::judge_end() {
  if (!kernel_.mapped.empty()) kernel_.complain("memory is kept: a lease has not come back");
  for (const auto& peer : peers_) {
    const Connection* const stream = peer->stream();
    if (stream == nullptr) continue;
    if (stream->id != 0 && !stream->departed) complain(*stream, "never departs");
    if (!stream->server_closed) complain(*stream, "its socket is left open");
  }
}

Outcome Run::outcome(std::uint64_t seed) const {
  Outcome outcome{.seed = seed, .calls = kernel_.calls, .sum = kernel_.trace.sum()};
  for (const auto& peer : peers_) outcome.lifetimes += peer->stream() != nullptr ? 1 : 0;
  if (kernel_.wrong().empty()) return outcome;
  outcome.wrong = kernel_.wrong();
  outcome.trace = kernel_.trace.latest();
  return outcome;
}

}  // namespace

Outcome run(Model model, std::uint64_t seed, Telling telling) {
  const std::int64_t before = live_allocations();
  Outcome outcome;
  {
    Run world{model, seed, telling};
    world.go();
    outcome = world.outcome(seed);
  }
  const std::int64_t left = live_allocations() - before;
  if (outcome.wrong.empty() && left != 0)
    outcome.wrong = std::to_string(left) + " pieces of memory are left: a task, or what it held";
  return outcome;
}

std::string report(Model model, const Outcome& outcome) {
  const std::string seed = std::to_string(outcome.seed);
  const std::string name{info(model).name};
  return "model " + name + ", seed " + seed + ": " + outcome.wrong + "\n" + outcome.trace +
         "The whole of it: simulation_tests --model " + name + " --seed " + seed + "\n";
}

}  // namespace headrace::simulation
