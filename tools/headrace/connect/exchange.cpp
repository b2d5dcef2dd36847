// SPDX-License-Identifier: MIT
//
// Two tasks on one datagram socket. That nobody receives at the peer's port is told by its machine
// (ICMP) some time after a send: to a person it is said, and he may try again; a script is ended.
#include "connect/exchange.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "headrace/task_scope.hpp"
#include "output.hpp"

namespace headrace::tool {

namespace {

constexpr std::size_t kLongest = 65'507;  // of UDP over IPv4: 65,535 less the two headers

std::string_view without_line_end(std::string_view line) noexcept {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Exchange::Exchange(Datagram socket, Input& input, Output& output, const WireFormat& format,
                   std::chrono::nanoseconds wait)
    : engine_{socket.engine()},
      socket_{std::move(socket)},
      input_{input},
      output_{output},
      outgoing_{format},
      incoming_{format, reader_of(input, output)},
      wait_{wait} {}

Task<> Exchange::hold() {
  TaskScope scope{engine_};
  // A loop takes any task: only threads can run out.
  (void)scope.spawn(download());
  (void)scope.spawn(upload());
  const auto first = co_await events_.receive(engine_);
  const bool listens = first && *first == Event::input_ended && !ending_.send;
  if (listens) co_await wait_for_answers();
  scope.cancel();
  co_await scope.join();
}

Task<> Exchange::wait_for_answers() {
  heard_at_ = Clock::now();
  for (;;) {
    const auto until = heard_at_ + wait_;
    const auto event = co_await events_.receive(engine_, Deadline::at(until));
    if (event || Clock::now() >= heard_at_ + wait_) co_return;
  }
}

// A read may end within a character, or between the digits of a byte: what is there of it waits for
// the rest.
Task<> Exchange::upload() {
  std::vector<char> space(kLongest);
  std::size_t kept = 0;
  for (bool goes_on = true; goes_on;) {
    const auto size = co_await input_.read(engine_, std::span{space}.subspan(kept));
    if (!size) note(ending_.input, size.error());
    if (!size) break;
    const std::string_view given{space.data(), kept + *size};
    const std::size_t whole = *size == 0 ? given.size() : outgoing_.whole_part(given);
    if (whole > 0) goes_on = co_await send(given.substr(0, whole));
    if (*size == 0) break;
    std::ranges::copy(given.substr(whole), space.begin());
    kept = given.size() - whole;
  }
  (void)events_.try_send(Event::input_ended);
}

Task<bool> Exchange::send(std::string_view given) {
  const auto content = content_of(given);
  if (!content && input_.is_terminal()) {  // a person types it again
    (void)complain(content.error(), kFailed);
    co_return true;
  }
  if (!content) {
    ending_.bad_input = content.error();
    co_return false;
  }
  const auto sent = co_await socket_.send(bytes_of(*content));
  co_return sent || goes_on_after(sent.error(), ending_.send);
}

Parsed<std::string> Exchange::content_of(std::string_view given) {
  if (input_.is_terminal()) given = without_line_end(given);
  const auto begin = outgoing_.translate(given);
  if (!begin) return std::unexpected(begin.error());
  std::string content{*begin};
  const auto end = outgoing_.finish();
  if (!end) return std::unexpected(end.error());
  content += *end;
  if (content.size() <= kLongest) return content;
  return std::unexpected(
      fmt::format("{} bytes are more than the {} of a datagram", content.size(), kLongest));
}

bool Exchange::goes_on_after(const Failure& failure, std::optional<Failure>& where) {
  if (failure.code == Errc::canceled) return false;
  if (!input_.is_terminal()) {
    note(where, failure);
    return false;
  }
  (void)complain(failure.code == Errc::refused ? "nobody receives there" : failure.reason(),
                 kFailed);
  return true;
}

Task<> Exchange::download() {
  for (bool goes_on = true; goes_on;) {
    const auto received = co_await socket_.receive();
    if (received)
      goes_on = co_await show(text_of(*received));
    else
      goes_on = goes_on_after(received.error(), ending_.receive);
  }
  (void)events_.try_send(Event::output_ended);
}

Task<bool> Exchange::show(std::string_view received) {
  std::string text{incoming_.translate(received)};
  text += incoming_.finish();
  const auto written = co_await output_.write(engine_, bytes_of(text));
  heard_at_ = Clock::now();
  if (!written) note(ending_.output, written.error());
  co_return written.has_value();
}

}  // namespace headrace::tool
