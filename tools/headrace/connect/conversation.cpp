// SPDX-License-Identifier: MIT
//
// Two tasks on one stream, and a third that waits for the first of them to end. Which rule ends a
// conversation is decided in hold() and the two waits below it.
//
// Memory: one piece in each direction, however much passes.
#include "connect/conversation.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "headrace/task_scope.hpp"
#include "output.hpp"

namespace headrace::tool {

namespace {

constexpr std::size_t kPiece = 128 * 1024;
constexpr auto kMoment = std::chrono::milliseconds{200};

}  // namespace

void note(std::optional<Failure>& where, const Failure& failure) {
  if (failure.code != Errc::canceled) where = failure;
}

Incoming::Reader reader_of(const Input& input, const Output& output) noexcept {
  if (!output.is_terminal()) return Incoming::Reader::program;
  return input.is_terminal() ? Incoming::Reader::conversation : Incoming::Reader::screen;
}

Conversation::Conversation(Stream stream, Input& input, Output& output, const WireFormat& format,
                           Deadline linger)
    : engine_{stream.engine()},
      stream_{std::move(stream)},
      input_{input},
      output_{output},
      outgoing_{format},
      incoming_{format, reader_of(input, output)},
      linger_{linger} {}

Task<> Conversation::hold() {
  said_at_ = Clock::now();  // an input that has said nothing yet may be about to
  TaskScope scope{engine_};
  // A loop takes any task: only threads can run out.
  (void)scope.spawn(download());
  (void)scope.spawn(upload());
  const auto first = co_await events_.receive(engine_);
  if (first && *first == Event::input_ended)
    co_await wait_for_peer();
  else
    co_await wait_for_input();
  scope.cancel();
  co_await scope.join();
  if (ending_.output) co_return;
  const std::string rest{incoming_.finish()};
  const auto written = co_await output_.write(engine_, bytes_of(rest));
  if (!written) ending_.output = written.error();
}

// The input has ended: until the peer's end, or its silence. While our own reader is slow it is not
// the peer who is silent.
Task<> Conversation::wait_for_peer() {
  heard_at_ = Clock::now();
  for (;;) {
    const Deadline until = linger_.is_never() ? linger_ : Deadline::at(linger_.resolve(heard_at_));
    const auto event = co_await events_.receive(engine_, until);
    if (event) co_return;
    if (writing_) heard_at_ = Clock::now();
    if (Clock::now() < linger_.resolve(heard_at_)) continue;
    ending_.silence = true;
    co_return;
  }
}

// The peer has ended. If it has only closed its own side (`nc -N` with nothing to say) it still
// takes what we send, so an input that flows is sent to its end; one that is silent is not waited
// for, nor a person.
Task<> Conversation::wait_for_input() {
  while (sending_ || flows()) {
    const auto event = co_await events_.receive(engine_, Deadline::after(kMoment));
    if (event) co_return;
    if (!sending_ || Clock::now() < linger_.resolve(said_at_)) continue;
    ending_.unsent = true;
    co_return;
  }
}

// Whether more of the input is here, or may be expected any moment.
bool Conversation::flows() const noexcept {
  if (input_.is_terminal()) return false;
  return Clock::now() - said_at_ < kMoment || input_.has_more();
}

Task<> Conversation::upload() {
  std::vector<char> space(kPiece);
  for (bool goes_on = true; goes_on;) goes_on = co_await send_one_piece(space);
  const bool whole = !stopped_ && !ending_.send && !ending_.input && ending_.bad_input.empty();
  if (whole) (void)co_await send(outgoing_.finish());
  // Also behind what could not be read: the peer shall not wait for the rest.
  if (!ending_.send) (void)stream_.shutdown_send();  // the peer may be gone already
  (void)events_.try_send(Event::input_ended);
}

// False at the end of the input, whatever brings it about.
Task<bool> Conversation::send_one_piece(std::span<char> space) {
  const auto size = co_await input_.read(engine_, space);
  if (!size) {
    note(ending_.input, size.error());
    stopped_ = size.error().code == Errc::canceled;
    co_return false;
  }
  if (*size == 0) co_return false;
  co_return co_await send(outgoing_.translate({space.data(), *size}));
}

Task<bool> Conversation::send(Parsed<std::string_view> bytes) {
  if (!bytes && input_.is_terminal()) {  // a person types it again
    (void)complain(bytes.error(), kFailed);
    co_return true;
  }
  if (!bytes) {
    ending_.bad_input = bytes.error();
    co_return false;
  }
  if (bytes->empty()) co_return true;
  sending_ = true;
  said_at_ = Clock::now();
  const auto sent = co_await stream_.send(bytes_of(*bytes));
  sending_ = false;
  said_at_ = Clock::now();
  if (!sent) note(ending_.send, sent.error());
  co_return sent.has_value();
}

Task<> Conversation::download() {
  for (;;) {
    const auto bytes = co_await stream_.receive();
    if (!bytes && bytes.error().code != Errc::end_of_stream) note(ending_.receive, bytes.error());
    if (!bytes) break;
    writing_ = true;
    const auto written =
        co_await output_.write(engine_, bytes_of(incoming_.translate(text_of(*bytes))));
    writing_ = false;
    heard_at_ = Clock::now();
    if (!written) note(ending_.output, written.error());
    if (!written) break;
  }
  (void)events_.try_send(Event::peer_ended);
}

}  // namespace headrace::tool
