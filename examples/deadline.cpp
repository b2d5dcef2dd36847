// SPDX-License-Identifier: MIT
//
// Deadlines: a guessing game that waits for each answer, but not for ever. A deadline is an
// argument of the operation that waits, under every model; when it has passed, the stream is still
// good, and the client is told. `deadline ADDR MILLISECONDS`, by default tcp://127.0.0.1:7788 and
// 5000.
//
// A deadline "after 5 s" begins anew with every receive, so a byte now and then would buy any
// amount of time. For an answer as a whole it is made once, "at" a time of the clock.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <headrace/headrace.hpp>

using namespace headrace;

namespace {

using Clock = std::chrono::steady_clock;

struct Patience {
  std::chrono::milliseconds answer{5000};
};

/// A line without its end, all of it until `end`. What came behind it stays in `received`, where
/// the next call begins. The failure says why there is none.
Task<Result<std::string>> receive_line(Stream& peer, std::string& received, Deadline end) {
  std::size_t newline = 0;
  while ((newline = received.find('\n')) == std::string::npos) {
    const auto bytes = co_await peer.receive(end);
    if (!bytes) co_return std::unexpected(bytes.error());
    received += text_of(*bytes);
  }
  const std::string line = received.substr(0, newline);
  received.erase(0, newline + 1);
  co_return line;
}

Task<> play(Patience& patience, Stream peer) {
  constexpr int kSecret = 42;
  std::string question = "guess a number\n", received;
  for (;;) {
    const auto asked = co_await peer.send(bytes_of(question));
    if (!asked) co_return;
    const auto end = Deadline::at(Clock::now() + patience.answer);
    const auto answer = co_await receive_line(peer, received, end);
    if (!answer) {
      if (answer.error().code == Errc::timed_out)
        (void)co_await peer.send(bytes_of("too slow\n"));  // it may be gone: we go, too
      co_return;
    }
    const int guess = std::atoi(answer->c_str());
    if (guess == kSecret) break;
    question = guess < kSecret ? "more\n" : "less\n";
  }
  (void)co_await peer.send(bytes_of("yes\n"));
}

}  // namespace

int main(int count, char** arguments) {
  Patience patience;
  ServeOptions options;
  if (count > 1) options.listen = arguments[1];
  if (count > 2) {
    const std::string text = arguments[2];
    unsigned number = 0;  // at most seven weeks
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || *end != '\0')
      return std::fputs("usage: deadline [ADDR [MILLISECONDS]]\n", stderr), 2;
    patience.answer = std::chrono::milliseconds{number};
  }
  return serve(Service{play, patience}, options);
}
