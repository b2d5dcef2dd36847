// SPDX-License-Identifier: MIT
//
// The operator's commands. What a peer chose (the path of its socket) is escaped before it is
// shown.
#include "interactive.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "datagram_traffic.hpp"
#include "escape.hpp"
#include "suggest.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

constexpr std::array<std::string_view, 5> kCommands{"stats", "list", "kick", "quit", "help"};
constexpr std::chrono::milliseconds kMoment{5};
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::size_t kLongest = 4096;  // of a line; nothing anybody means is longer

constexpr std::string_view kHelp = R"(stats      what the server has done so far
list       every open connection, with its ID
kick ID    close that connection
quit       stop as with Ctrl-C; the end of the input does the same
)";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string shown(const Statistics& now) {
  return fmt::format(
      "{} in {}: {} open, at most {} at once\n"
      "{}, {} B in, {} B out\n"
      "{} refused, {} timed out, {} reset, {} kicked\n{}",
      counted(now.connections, "connection"), spoken(now.running), now.open, now.most_at_once,
      counted(now.messages, "message"), now.bytes_received, now.bytes_sent, now.refused,
      now.timed_out, now.reset, now.kicked,
      now.datagrams == DatagramCounts{} ? "" : datagram_traffic(now.datagrams) + "\n");
}

std::string list(const Control& control) {
  std::string lines;
  control.list(
      [](void* to, const ConnectionView& connection) {
        *static_cast<std::string*>(to) +=
            fmt::format("#{} {} for {}: {}, {} B in, {} B out\n", connection.id,
                        escaped(AddressText{connection.peer}), spoken(connection.age),
                        counted(connection.messages, "message"), connection.bytes_received,
                        connection.bytes_sent);
      },
      &lines);
  return lines.empty() ? "nobody is connected\n" : lines;
}

std::string kick(std::string_view argument, Control& control) {
  if (argument.empty()) return "kick takes the ID of a connection, as in 'kick 1'; see list\n";
  if (argument.starts_with('#')) argument.remove_prefix(1);  // as `list` writes it
  const auto id = parse_count(argument, 1, ~std::uint64_t{0});
  if (!id) return fmt::format("kick takes the ID of a connection; see list: {}\n", id.error());
  if (!control.kick(*id)) return fmt::format("there is no connection #{}\n", *id);
  return fmt::format("#{} is being closed\n", *id);
}

}  // namespace

std::string obey(std::string_view command, Control& control) {
  command = trimmed(command);
  const std::size_t space = command.find_first_of(" \t");
  const std::string_view verb = command.substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view{} : trimmed(command.substr(space));
  if (verb.empty()) return {};
  if (verb == "kick") return kick(rest, control);
  if (rest.empty()) {
    if (verb == "stats") return shown(control.statistics());
    if (verb == "list") return list(control);
    if (verb == "help") return std::string{kHelp};
    if (verb == "quit") {
      control.stop();
      return {};
    }
  }
  const bool known = std::ranges::find(kCommands, verb) != kCommands.end();
  if (known) return fmt::format("{} takes no argument\n", verb);
  const std::string guess = did_you_mean(verb, kCommands);
  return fmt::format("there is no command '{}'{} help lists them\n", escaped(verb),
                     guess.empty() ? ";" : guess);
}

InteractiveInput::InteractiveInput()
    : answers_{STDOUT_FILENO, [](std::uint64_t dropped) {
                 return fmt::format("{} of answers did not fit and were left out\n",
                                    counted(dropped, "line"));
               }} {}

InteractiveInput::~InteractiveInput() { answers_.finish(kPatience); }

int InteractiveInput::descriptor() const noexcept { return STDIN_FILENO; }

bool InteractiveInput::readable(Control& control) noexcept {
  std::array<char, kLongest> bytes{};
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count <= 0) {
    if (!begun_.empty()) take_line(control);  // the last line may lack its newline
    control.stop();
    return false;
  }
  for (const char letter : std::string_view{bytes.data(), static_cast<std::size_t>(count)}) {
    if (letter == '\n')
      take_line(control);
    else if (begun_.size() < kLongest)
      begun_ += letter;
  }
  return true;
}

void InteractiveInput::take_line(Control& control) {
  const std::string answer = obey(std::exchange(begun_, {}), control);
  for (std::string_view rest = answer; !rest.empty();) {
    const std::size_t line = std::min(rest.find('\n'), rest.size() - 1) + 1;
    answers_.put(rest.substr(0, line));
    rest.remove_prefix(line);
  }
  answers_.finish(kMoment);  // the server waits for nobody who does not read
}

}  // namespace headrace::tool
