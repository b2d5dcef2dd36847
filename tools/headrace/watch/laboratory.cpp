// SPDX-License-Identifier: MIT
//
// What is told, drawn and asked of the kernel. What is done to sockets and to the wire is in
// laboratory_calls.cpp.
#include "watch/laboratory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "output.hpp"
#include "watch/own_network.hpp"

namespace headrace::watch {

namespace {

using namespace std::chrono_literals;
using namespace tcp_state;
using Clock = std::chrono::steady_clock;

// Loopback takes microseconds and a retransmission seconds; a busy machine takes what it takes.
constexpr auto kPatience = 25s;
constexpr int kLookAgainMs = 10;
constexpr auto kReadingTime = 700ms;  // a paragraph, where a person watches

std::string described(const TcpEndpoint& local, const std::optional<TcpSocket>& socket) {
  const TcpEndpointText end{local};
  if (!socket) return fmt::format("has no socket of {}", end.view());
  std::string text = fmt::format("{} is in {}", end.view(), to_text(socket->state));
  if (socket->state == TcpState::time_wait)
    text += fmt::format(", for {:.1f} s more",
                        static_cast<double>(socket->timer_remaining.count()) / 1e3);
  return text;
}

}  // namespace

std::expected<std::unique_ptr<Laboratory>, std::string> Laboratory::open() {
  if (auto done = enter_own_network(); !done) return std::unexpected(done.error());
  auto capture = PacketCapture::open({.interfaces = Interfaces::loopback, .ports = {}});
  if (!capture)
    return std::unexpected(fmt::format("packets in a namespace of its own: {} ({})",
                                       capture.error().reason(), capture.error().call));
  TcpWatchOptions options;
  options.owners = options.events = options.trace = false;
  auto watch = TcpWatch::open(options);
  if (!watch)
    return std::unexpected(fmt::format("the kernel's table of sockets: {} ({})",
                                       watch.error().reason(), watch.error().call));
  return std::unique_ptr<Laboratory>{new Laboratory{*std::move(capture), *std::move(watch)}};
}

Laboratory::Laboratory(PacketCapture capture, TcpWatch watch)
    : capture_{std::move(capture)},
      watch_{std::move(watch)},
      ladder_{tool::columns_of_stdout(), colour_of_stdout()} {}

void Laboratory::write(std::string_view text) {
  if (tool::print(text) != tool::kDone) throw DemoFailed{};  // it was said: stdout is gone
}

void Laboratory::say(std::string_view paragraph) {
  draw(0);
  const std::size_t columns = std::min<std::size_t>(tool::columns_of_stdout(), 100) - 1;
  std::string text = tool::paragraph(paragraph, 0, columns);
  for (std::size_t at = 0; (at = text.find("\n  ", at)) != std::string::npos;)
    text.erase(at + 1, 2);
  write((in_ladder_ ? "\n" : "") + text + "\n");
  in_ladder_ = false;
  if (::isatty(STDOUT_FILENO) != 0) pass_time(kReadingTime);
}

void Laboratory::on_rung(const Conversation& conversation, const Rung& rung) {
  rungs_.push_back(rung);
  std::string text;
  if (drawn_last_ != conversation.number) {
    if (in_ladder_) text += '\n';
    text += ladder_.heading(conversation, "");
  }
  drawn_last_ = conversation.number;
  in_ladder_ = true;
  write(text + ladder_.row(conversation, {.folded = {}, .rung = rung}));
}

// Draws what is there; waits for it at most so long.
void Laboratory::draw(int patience_ms) {
  pollfd entry{.fd = capture_.descriptor(), .events = POLLIN, .revents = 0};
  (void)::poll(&entry, 1, patience_ms);  // a signal ends the program; nothing to see is fine
  arriving_.clear();
  capture_.take(arriving_, 1000);
  for (const Segment& segment : arriving_) {
    if (is_holding_ && segment.hop_limit != kDelivered) {
      held_.push_back(segment);
      continue;
    }
    if (segment.length > 0) last_data_ = segment;
    conversations_.observe(segment);
  }
}

bool Laboratory::draw_until(const std::function<bool()>& done) {
  const auto until = Clock::now() + kPatience;
  while (!done()) {
    if (Clock::now() > until) return false;
    draw(kLookAgainMs);
  }
  return true;
}

void Laboratory::pass_time(std::chrono::milliseconds duration) {
  const auto until = Clock::now() + duration;
  while (Clock::now() < until) draw(kLookAgainMs);
}

void Laboratory::see(std::string_view what, const IsIt& is_it) {
  const auto found = [&] { return std::ranges::find_if(rungs_, is_it); };
  if (!draw_until([&] { return found() != rungs_.end(); })) return claim(false, what);
  rungs_.erase(rungs_.begin(), found() + 1);
}

void Laboratory::forget() {
  draw(0);
  rungs_.clear();
}

Segment Laboratory::held(const TcpEndpoint& source, std::uint8_t bits) {
  const auto is_it = [&](const Segment& segment) {
    return segment.source == source && segment.bits == bits;
  };
  if (!draw_until([&] { return std::ranges::any_of(held_, is_it); }))
    throw DemoFailed{fmt::format("no such segment came from {}", TcpEndpointText{source}.view())};
  return *std::ranges::find_if(held_, is_it);
}

std::optional<TcpSocket> Laboratory::find(const TcpEndpoint& local, const TcpEndpoint& remote) {
  std::optional<TcpSocket> found;
  const auto looked = watch_.look(
      [&](const TcpSighting& seen) {
        if (seen.socket.local == local && seen.socket.remote == remote) found = seen.socket;
      },
      [](const TcpEvent&) {});
  if (!looked)
    throw DemoFailed{fmt::format("the kernel's table of sockets: {}", looked.error().reason())};
  return found;
}

void Laboratory::check(const TcpEndpoint& local, const TcpEndpoint& remote,
                       std::optional<TcpState> state) {
  std::optional<TcpSocket> socket;
  const bool holds = draw_until([&] {
    socket = find(local, remote);
    return socket.has_value() == state.has_value() && (!socket || socket->state == *state);
  });
  draw(0);
  claim(holds, holds ? described(local, socket)
                     : fmt::format("{}; {} was expected", described(local, socket),
                                   state ? to_text(*state) : "no socket"));
}

void Laboratory::check_both(std::uint16_t client_port, std::optional<TcpState> client,
                            std::optional<TcpState> server) {
  const TcpEndpoint at_client = local_end(client_port), at_server = local_end(kServerPort);
  check(at_client, at_server, client);
  check(at_server, at_client, server);
}

void Laboratory::claim(bool holds, std::string_view what) {
  status_ = holds ? status_ : tool::kFailed;
  in_ladder_ = true;
  write(fmt::format("  kernel: {}{}\n", what, holds ? "" : "  <-- NOT as this demo says"));
}

int Laboratory::finish() {
  if (capture_.counts().dropped > 0) claim(false, "dropped packets: not all were drawn");
  return status_;
}

}  // namespace headrace::watch
