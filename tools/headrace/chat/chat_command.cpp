// SPDX-License-Identifier: MIT
//
// `headrace chat ADDR`: its options; a person at a terminal, or a program behind pipes.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>

#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <fmt/format.h>

#include "chat/chat_client.hpp"
#include "chat/line_editor.hpp"
#include "chat/shown_line.hpp"
#include "datagrams/encodings.hpp"
#include "headrace/task_scope.hpp"
#include "log.hpp"
#include "options.hpp"
#include "output.hpp"
#include "services/chat/names.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kExamples =
    R"(  headrace chat 7788                                     # a server: headrace serve chat
  headrace chat example.com:7788 --nick ann
  headrace chat 127.0.0.1:7789 --encoding gb18030        # you see and type UTF-8
  (echo hello; sleep 1) | headrace chat 7788 --nick bot  # lines in, lines out
)";

struct ChatCommand {
  std::string nick;
  std::string encoding;
  std::chrono::nanoseconds timeout = 10s;
};

Parsed<std::string> parse_nick(std::string_view text) {
  const auto wrong = chat::why_not_a_name(text);
  if (wrong.empty()) return std::string{text};
  return std::unexpected(fmt::format("'{}' is no nick: it {}", text, wrong));
}

/// The name of the user, if it can be a nick.
std::string own_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  const std::string name = entry == nullptr ? "" : entry->pw_name;
  return chat::why_not_a_name(name).empty() ? name : "";
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  (void)::localtime_r(&now, &parts);
  return fmt::format("{:02}:{:02}", parts.tm_hour, parts.tm_min);
}

int status_of(const ChatClient& client, std::string_view address) {
  if (!client.failure()) return kDone;
  const Failure& why = *client.failure();
  if (client.has_been_connected())
    return complain(fmt::format("chat with {}: {} ({})", address, why.reason(), why.call), kFailed);
  const std::string_view advice =
      why.code == Errc::refused ? "; is 'headrace serve chat' running there?" : "";
  return complain(fmt::format("connect to {}: {} ({}){}", address, why.reason(), why.call, advice),
                  kFailed);
}

// A person.

struct Nothing {};

/// Runs the client until it, or the person, ends; the server then has a moment to say good-bye.
Task<> run_client(Engine& engine, ChatClient& client, Channel<Nothing>& ends) {
  struct Local {
    static Task<> run(ChatClient& client, Channel<Nothing>& ends) {
      co_await client.run();
      (void)ends.try_send({});
    }
  };
  TaskScope scope{engine};
  if (!scope.spawn(Local::run(client, ends))) co_return;
  (void)co_await ends.receive(engine);
  (void)co_await ends.receive(engine, Deadline::after(client.has_been_connected() ? 2s : 0s));
  scope.cancel();
  co_await scope.join();
}

int talk_on_terminal(Engine& engine, const ChatClientOptions& options, std::string_view address) {
  const Colours colours = wants_colour(STDOUT_FILENO) ? Colours::yes : Colours::no;
  Channel<Nothing> ends{2};
  std::unique_ptr<LineEditor> editor;
  ChatClient client{engine, options, [&](std::string_view line) {
                      if (line.starts_with("-- what is your nick?") && !options.nick.empty())
                        return true;
                      if (const auto nick = nick_in(line); !nick.empty()) editor->know(nick);
                      editor->show(shown_line(line, time_now(), colours));
                      return true;
                    }};
  editor = std::make_unique<LineEditor>(
      [&](std::string line) { return client.typed().try_send(std::move(line)).has_value(); },
      [&] {
        client.typed().close();
        (void)ends.try_send({});
      });
  engine.run(run_client(engine, client, ends));
  editor.reset();  // gives the terminal back
  return status_of(client, address);
}

// A program.

bool write_line(std::string_view line) {
  std::string text{line};
  text += '\n';
  for (std::string_view left = text; !left.empty();) {
    const ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Lines of standard input; the last one also without a newline.
Task<> read_input(Engine& engine, Channel<std::string>& to) {
  std::string bytes;
  std::string piece(65536, '\0');
  for (bool goes_on = true; goes_on;) {
    const auto ready = co_await engine.wait_ready(STDIN_FILENO, Direction::readable);
    if (!ready) break;
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    goes_on = got > 0;
    if (goes_on) bytes.append(piece, 0, static_cast<std::size_t>(got));
    if (!goes_on && !bytes.empty()) bytes += '\n';
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = bytes.find('\n', begin)) != bytes.npos; begin = end + 1) {
      const auto sent = co_await to.send(engine, bytes.substr(begin, end - begin));
      if (!sent) co_return;
    }
    bytes.erase(0, begin);
  }
  to.close();
}

Task<> run_filter(Engine& engine, ChatClient& client) {
  TaskScope scope{engine};
  if (!scope.spawn(read_input(engine, client.typed()))) co_return;
  co_await client.run();
  scope.cancel();
  co_await scope.join();
}

int filter(Engine& engine, const ChatClientOptions& options, std::string_view address) {
  const bool raw = ::isatty(STDOUT_FILENO) == 0;
  int write_error = 0;
  ChatClient client{engine, options, [&](std::string_view line) {
                      if (line.starts_with("-- what is your nick?") && !options.nick.empty())
                        return true;
                      const bool written = write_line(
                          raw ? std::string{line} : shown_line(line, time_now(), Colours::no));
                      if (!written) write_error = errno;
                      return written;
                    }};
  engine.run(run_filter(engine, client));
  if (write_error == EPIPE) return kDone;  // whoever read it has had enough
  if (write_error != 0)
    return complain(fmt::format("write to stdout: {}", std::strerror(write_error)), kFailed);
  return status_of(client, address);
}

int check_and_chat(const Options& options, const std::string& text, ChatCommand& asked) {
  if (text.empty()) return options.complain_about("which ADDR? Write e.g. 'headrace chat 7788'");
  if (const auto stream = parse_stream_address(text); !stream)
    return options.complain_about("address: " + stream.error());
  const auto address = Address::parse(text);
  if (!address->is_unix() && (address->port() == 0 || address->host() == "*"))
    return options.complain_about("address: name one host and port to connect to");
  (void)std::signal(SIGPIPE, SIG_IGN);
  auto engine = Engine::create(EngineKind::poll);  // it can wait for any file, epoll cannot
  if (!engine) return complain(fmt::format("chat: {}", engine.error().reason()), kFailed);
  const bool person = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  const ChatClientOptions client{.address = *address,
                                 .nick = asked.nick.empty() ? own_name() : asked.nick,
                                 .encoding = asked.encoding,
                                 .reconnects = person,
                                 .timeout = asked.timeout};
  if (!person) return filter(**engine, client, text);
  try {
    return talk_on_terminal(**engine, client, text);
  } catch (const std::system_error& error) {
    return complain(fmt::format("chat: {}", error.what()), kFailed);
  }
}

}  // namespace

int chat_command(const Words& words) {
  ChatCommand asked;
  std::string address;
  Options options{
      "chat",
      {.examples = kExamples,
       .description =
           "Joins the rooms of a chat server: type a line, and everybody in your room reads it;\n"
           "/help tells the commands.  Tab completes nicks and commands; Ctrl-D leaves.  When the\n"
           "connection is lost it is made again, and the line being typed stays.\n"
           "Behind a pipe: lines in, lines out, until the end of input and of the server.\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT (loopback), unix:/PATH, unix:@NAME."}};
  options.add_argument("address", address, as_it_is);
  options.add("--nick", "NAME", asked.nick, parse_nick, "your nick (default: your user name)");
  options.add("--encoding", "NAME", asked.encoding, parse_encoding,
              "what the server speaks, e.g. gb18030; you type and see UTF-8");
  options.add("--timeout", "TIME", asked.timeout, parse_duration,
              fmt::format("to connect, names included (default {})", written(asked.timeout)));
  return options.parse_and_run(words, [&] { return check_and_chat(options, address, asked); });
}

}  // namespace headrace::tool
