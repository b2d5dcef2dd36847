// SPDX-License-Identifier: MIT
//
// `headrace send`: one task sends, another hears: replies, and that nobody is there. UDP says that
// with an ICMP message, which the kernel hands to a connected socket some time after the send.
#include "datagrams/send_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "datagrams/content.hpp"
#include "datagrams/data_output.hpp"
#include "datagrams/datagram_address.hpp"
#include "datagrams/explain_datagram.hpp"
#include "datagrams/line_splitter.hpp"
#include "datagrams/numbering.hpp"
#include "escape.hpp"
#include "headrace/datagram.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

using Clock = std::chrono::steady_clock;

// How long an ICMP message may take to come back when nobody asked for replies: enough for this
// machine and its neighbours, and too short to be noticed.
constexpr std::chrono::milliseconds kForIcmp{50};

constexpr std::string_view kPrompt = "> ";

// To stderr, in one piece; a terminal that is gone need not be told.
void say(std::string_view text) { (void)::write(STDERR_FILENO, text.data(), text.size()); }

class Sender {
 public:
  Sender(Engine& engine, const Address& to, const SendArguments& asked)
      : engine_{engine},
        to_{to},
        asked_{asked},
        content_{asked},
        announces_{to.host() == "broadcast"},
        prompts_{asked.sends_lines() && ::isatty(STDIN_FILENO) == 1 &&
                 ::isatty(STDERR_FILENO) == 1},
        look_{.form = asked.hex ? Form::dump : Form::line,
              .for_person = ::isatty(STDOUT_FILENO) == 1} {
    if (!asked.encoding.empty()) look_.decode = decoder_of(asked.encoding);
  }

  Task<> run();
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  [[nodiscard]] Result<Datagram> open();
  [[nodiscard]] Result<Datagram> open_to(const Endpoint& endpoint) const;
  Task<> send_all(TaskScope& scope);
  Task<> wait_for_silence();
  Task<> send_content();
  [[nodiscard]] std::string objection_to(const Parsed<std::string>& content,
                                         const Number& last) const;
  void announce(std::string_view given) const;
  Task<> send_lines();
  Task<bool> send_line(LineSplitter::Line line);
  Task<bool> send_one(std::string bytes);
  Task<> hear(TaskScope& scope);
  [[nodiscard]] bool print_reply(const Received& reply);
  void end_on(const Failure& failure);
  void fail_with(const std::string& sentence);
  void say_what_was_replaced() const;

  Engine& engine_;
  Address to_;
  const SendArguments& asked_;
  ContentMaker content_;
  bool announces_;
  bool prompts_;
  Look look_;
  DataOutput output_;

  Datagram* socket_ = nullptr;  // in the frame of run()
  Endpoint endpoint_;
  bool is_connected_ = false;
  bool listens_ = false;
  bool is_sending_ = true;
  Clock::time_point last_{};  // a reply came, or all was sent
  Clock::time_point next_{};  // may be sent
  bool has_failed_ = false;   // for good: nothing more is sent or heard
  std::uint64_t sent_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t replies_ = 0;
  int status_ = kDone;
};

// A name may have several addresses: the first that there is a way to.
Result<Datagram> Sender::open() {
  const auto endpoints = endpoints_of(to_);
  if (!endpoints) return std::unexpected(endpoints.error());
  Result<Datagram> socket = fail(Errc::name_not_found, "getaddrinfo");
  for (const Endpoint& endpoint : *endpoints) {
    endpoint_ = endpoint;
    // Only who is connected is told of ICMP messages, and can wait for a Unix peer's queue; but it
    // hears nobody else.
    is_connected_ = !endpoint.is_multicast() && !announces_ && !asked_.broadcast;
    socket = open_to(endpoint);
    if (socket) break;
  }
  return socket;
}

Result<Datagram> Sender::open_to(const Endpoint& endpoint) const {
  auto socket = Datagram::open(engine_, endpoint,
                               {.broadcast = asked_.broadcast || announces_,
                                .ttl = asked_.ttl,
                                .interface = asked_.interface});
  if (!socket || !is_connected_) return socket;
  if (const auto connected = socket->connect(endpoint); !connected)
    return std::unexpected(connected.error());
  return socket;
}

Task<> Sender::run() {
  auto socket = open();
  if (!socket) {
    fail_with(explain_send(to_, socket.error()));
    co_return;
  }
  socket_ = &*socket;
  TaskScope scope{engine_};
  listens_ = (is_connected_ && !to_.is_unix()) || asked_.wait;
  Result<> spawned;
  if (listens_) spawned = scope.spawn(hear(scope));
  if (spawned) spawned = scope.spawn(send_all(scope));
  if (!spawned) {
    scope.cancel();
    end_on(spawned.error());
  }
  co_await scope.join();
  if (asked_.wait && replies_ == 0 && !has_failed_)
    fail_with(fmt::format("send to {}: no reply within {}", AddressText{to_}.view(),
                          written(*asked_.wait)));
  say_what_was_replaced();
}

Task<> Sender::send_all(TaskScope& scope) {
  if (asked_.sends_lines())
    co_await send_lines();
  else
    co_await send_content();
  is_sending_ = false;
  if (listens_ && !has_failed_) co_await wait_for_silence();
  scope.cancel();
}

// Until nothing was sent and nothing came for as long as was asked.
Task<> Sender::wait_for_silence() {
  const std::chrono::nanoseconds patience = asked_.wait.value_or(kForIcmp);
  last_ = Clock::now();
  while (Clock::now() < last_ + patience) {
    const auto slept = co_await engine_.sleep(Deadline::at(last_ + patience));
    if (!slept) break;
  }
}

// One datagram; with --count so many, numbered.
Task<> Sender::send_content() {
  const std::string given = asked_.file.empty() ? asked_.text.value_or("") : asked_.file;
  const auto content = asked_.file.empty() ? content_.make(given) : content_.make_from_file();
  const std::uint64_t count = asked_.count.value_or(1);
  Number number{.run = std::random_device{}(), .index = count, .of = count};
  if (const std::string objection = objection_to(content, number); !objection.empty()) {
    has_failed_ = true;
    fail_with(objection);
    co_return;
  }
  for (number.index = 1; number.index <= count; ++number.index) {
    std::string bytes = asked_.count ? numbered(number, *content) : *content;
    announce(asked_.count ? numbered(number, given) : given);
    const bool sent = co_await send_one(std::move(bytes));
    if (!sent) break;
  }
}

// Why it cannot be sent; empty when it can. The last number is the longest.
std::string Sender::objection_to(const Parsed<std::string>& content, const Number& last) const {
  if (!content) return content.error();
  const std::size_t most = asked_.count ? numbered(last, *content).size() : content->size();
  return most > kLongestDatagram ? "with its number: " + too_long(most) : "";
}

void Sender::announce(std::string_view given) const {
  if (announces_) say(fmt::format("sending -> {}\n", escaped(given)));
}

Task<> Sender::send_lines() {
  LineSplitter lines{content_.longest_given()};
  std::array<char, 65536> piece;
  for (bool goes_on = true; goes_on;) {
    if (prompts_) say(kPrompt);
    const auto ready = co_await engine_.wait_ready(STDIN_FILENO, Direction::readable);
    if (!ready) break;
    const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) fail_with(fmt::format("read stdin: {}", ::strerrordesc_np(errno)));
    goes_on = count > 0;
    if (goes_on)
      lines.feed({piece.data(), static_cast<std::size_t>(count)});
    else
      lines.end();
    while (auto line = lines.next()) {
      const bool sent = co_await send_line(std::move(*line));
      if (!sent) co_return;
    }
  }
}

// False when no further line is to be sent.
Task<bool> Sender::send_line(LineSplitter::Line line) {
  ++lines_;
  if (announces_ && line.size == 0) co_return false;
  auto content = line.is_whole() ? content_.make(line.text)
                                 : Parsed<std::string>{std::unexpected(too_long(line.size))};
  if (!content) {  // the others may be all right
    fail_with(fmt::format("line {}: {}", lines_, content.error()));
    co_return true;
  }
  announce(line.text);
  const bool sent = co_await send_one(std::move(*content));
  co_return sent;
}

// At its time. False when it could not be sent, which has been said then.
Task<bool> Sender::send_one(std::string bytes) {
  if (asked_.interval.count() > 0) {
    const auto slept = co_await engine_.sleep(Deadline::at(next_));
    if (!slept) co_return false;
    next_ = Clock::now() + asked_.interval;
  }
  Result<> sent;
  if (is_connected_)
    sent = co_await socket_->send(bytes_of(bytes));
  else
    sent = co_await socket_->send_to(bytes_of(bytes), endpoint_);
  if (!sent) {
    end_on(sent.error());
    co_return false;
  }
  ++sent_;
  co_return true;
}

// Replies, and that nobody is there, until the scope is cancelled.
Task<> Sender::hear(TaskScope& scope) {
  for (bool goes_on = true; goes_on;) {
    const auto received = co_await socket_->receive();
    if (!received) end_on(received.error());
    goes_on = received && (!asked_.wait || print_reply(*received));
  }
  if (has_failed_) scope.cancel();
}

bool Sender::print_reply(const Received& reply) {
  ++replies_;
  last_ = Clock::now();
  const std::string_view bytes = text_of({reply.data(), reply.size()});
  const Arrival arrival{
      .sender = reply.sender().address(), .bytes = bytes, .number = number_of(bytes)};
  const bool on_prompt = prompts_ && is_sending_;  // which is written over, and then again
  const auto printed = output_.write((on_prompt ? "\r" : "") + shown(arrival, look_));
  if (on_prompt) say(kPrompt);
  if (printed) return true;
  status_ = complain_about_output(printed.error());
  has_failed_ = true;
  return false;
}

// Said once: the sends after the first failure fail as well.
void Sender::end_on(const Failure& failure) {
  if (has_failed_ || failure.code == Errc::canceled) return;
  has_failed_ = true;
  std::string sentence = explain_send(to_, failure);
  if (asked_.count) sentence += fmt::format("; {} of {} were sent", sent_, *asked_.count);
  fail_with(sentence);
}

void Sender::fail_with(const std::string& sentence) { status_ = complain(sentence, kFailed); }

void Sender::say_what_was_replaced() const {
  if (const std::uint64_t replaced = content_.replaced(); replaced > 0)
    say(fmt::format("headrace: {} could not be said in {} and {} replaced\n",
                    counted(replaced, "character"), asked_.encoding,
                    replaced == 1 ? "was" : "were"));
}

}  // namespace

int run_send(const Address& to, const SendArguments& asked) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // whoever reads the replies may leave
  auto engine = Engine::create(EngineKind::epoll_edge);
  if (!engine) return complain(explain_send(to, engine.error()), kFailed);
  Sender sender{**engine, to, asked};
  (*engine)->run(sender.run());
  return sender.status();
}

}  // namespace headrace::tool
