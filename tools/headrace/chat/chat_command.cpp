// SPDX-License-Identifier: MIT
//
// `headrace chat ADDR`: its options, and which of them go with a server, another person or a room
// of the local network.
#include <chrono>
#include <csignal>
#include <optional>

#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <fmt/format.h>

#include "chat/chat_client.hpp"
#include "chat/datagram_chat.hpp"
#include "chat/talk_ends.hpp"
#include "datagrams/datagram_address.hpp"
#include "datagrams/encodings.hpp"
#include "headrace/datagram.hpp"
#include "options.hpp"
#include "output.hpp"
#include "services/chat/names.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kExamples =
    R"(  headrace chat 7788 --nick ann                          # a server: headrace serve chat
  headrace chat 127.0.0.1:7789 --encoding gb18030        # you see and type UTF-8
  (echo hello; sleep 1) | headrace chat 7788 --nick bot  # lines in, lines out
  headrace chat udp://192.0.2.7:8088 --listen :8088      # with one other, without a server
  headrace chat udp://broadcast:21567                    # with everybody on this network
  headrace chat udp://239.1.2.3:21567 --interface eth0   # with who has joined that group
)";

struct ChatCommand {
  std::string address;
  std::string nick;
  std::string encoding;
  std::optional<std::chrono::nanoseconds> timeout;
  // Without a server.
  std::string listen;
  std::string peer_encoding;
  std::optional<Deadline> linger;
  std::string interface;
  bool broadcast = false;
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

// With a server.

int chat_with_server(const Options& options, const ChatCommand& asked) {
  if (const auto stream = parse_stream_address(asked.address); !stream)
    return options.complain_about("address: " + stream.error());
  const auto address = Address::parse(asked.address);
  if (!address->is_unix() && (address->port() == 0 || address->host() == "*"))
    return options.complain_about("address: name one host and port to connect to");
  const bool is_for_datagrams =
      asked.linger || asked.broadcast || !asked.interface.empty() || !asked.peer_encoding.empty();
  if (is_for_datagrams)
    return options.complain_about(
        "--linger, --broadcast, --interface and --peer-encoding are for udp://");
  (void)std::signal(SIGPIPE, SIG_IGN);
  auto engine = Engine::create(EngineKind::poll);  // it can wait for any file, epoll cannot
  if (!engine) return complain(fmt::format("chat: {}", engine.error().reason()), kFailed);
  const bool person = is_at_terminal();
  ChatClient client{**engine,
                    {.address = *address,
                     .nick = asked.nick.empty() ? own_name() : asked.nick,
                     .encoding = asked.encoding,
                     .reconnects = person,
                     .timeout = asked.timeout.value_or(10s)}};
  return person ? talk_at_terminal(**engine, client) : talk_through_pipes(**engine, client);
}

// Without one.

/// A group of IPv6 that means another one on every network, and no network is named.
bool lacks_interface(const DatagramChat& chat) {
  const auto endpoint = Endpoint::of(chat.to);
  if (!endpoint || !endpoint->is_multicast() || !chat.interface.empty()) return false;
  const Address address = endpoint->address();  // as the kernel writes it
  const std::string_view host = address.host();
  return host.contains(':') && !chat.to.host().contains('%') && host.size() > 3 && host[3] <= '2';
}

std::string objection_to(const DatagramChat& chat, const ChatCommand& asked) {
  if (asked.timeout) return "--timeout is for connecting to a server";
  if (chat.to.is_unix() && chat.broadcast) return "--broadcast is for udp://";
  if (!chat.to.is_unix() && (chat.to.port() == 0 || chat.to.host() == "*"))
    return "address: name one host and port to send to";
  if (is_room(chat)) {
    if (chat.listen) return "--listen is for one other; a room is heard at its own port";
    if (!asked.peer_encoding.empty()) return "--peer-encoding is for one other; a room speaks one";
    if (lacks_interface(chat))
      return fmt::format("address: {} is a group on each network; which one? Give --interface",
                         chat.to.host());
    if (chat.nick.empty()) return "--nick: who are you? Your user name can be no nick";
    return "";
  }
  if (!asked.nick.empty()) return "--nick is for rooms; one other sees your address";
  if (!asked.interface.empty()) return "--interface is for broadcast and multicast addresses";
  return "";
}

/// ":8088", which to the parser of addresses means loopback.
bool is_port_alone(std::string_view text) {
  if (text.starts_with("udp://")) text.remove_prefix(6);
  return text.starts_with(':') || text.find_first_not_of("0123456789") == text.npos;
}

int chat_over_datagrams(const Options& options, const ChatCommand& asked) {
  const auto to = parse_datagram_address(asked.address);
  if (!to) return options.complain_about("address: " + to.error());
  DatagramChat chat{
      .to = *to,
      .nick = asked.nick.empty() ? own_name() : asked.nick,
      .interface = asked.interface,
      .broadcast = asked.broadcast,
      .encoding = asked.encoding,
      .peer_encoding = asked.peer_encoding.empty() ? asked.encoding : asked.peer_encoding};
  if (asked.linger) chat.linger = *asked.linger;
  if (!asked.listen.empty()) {
    const auto at = parse_datagram_address(asked.listen);
    if (!at) return options.complain_about("--listen: " + at.error());
    if (at->is_unix() != to->is_unix())
      return options.complain_about("--listen: the other side has another kind of address");
    chat.listen = *at;
    chat.listens_towards_peer = is_port_alone(asked.listen);
  }
  if (const std::string objection = objection_to(chat, asked); !objection.empty())
    return options.complain_about(objection);
  return run_datagram_chat(chat);
}

int check_and_chat(const Options& options, ChatCommand& asked) {
  if (const auto none = ask_for_address(options, asked.address, "headrace chat 7788")) return *none;
  const auto address = Address::parse(asked.address);
  // With --listen a shorthand means UDP: a server needs none.
  const bool over_datagrams = (address && !address->is_stream()) || !asked.listen.empty();
  return over_datagrams ? chat_over_datagrams(options, asked) : chat_with_server(options, asked);
}

void add_options(Options& options, ChatCommand& to) {
  options.add_argument("address", to.address, as_it_is);
  options.add("--nick", "NAME", to.nick, parse_nick, "your nick (default: your user name)");
  options.add("--encoding", "NAME", to.encoding, parse_encoding,
              "what the others speak, e.g. gb18030; you type and see UTF-8");
  options.add("--timeout", "TIME", to.timeout, parse_duration,
              "to connect to a server, names included (default 10s)");
  options.add("--listen", "ADDR", to.listen, as_it_is,
              "udp: where the other can reach you, e.g. :8088 (default: any port)");
  options.add("--peer-encoding", "NAME", to.peer_encoding, parse_encoding,
              "udp: what the other writes in (default: as --encoding)");
  options.add("--linger", "TIME", to.linger, parse_idle_timeout,
              "udp: of silence, after the end of input; or never (default 1s)");
  options.add("--interface", "NAME", to.interface, parse_interface,
              "udp: of a room (default: as the routes say)");
  options.add_flag("--broadcast", to.broadcast,
                   "udp: ADDR is the broadcast address of a network, so a room");
}

}  // namespace

int chat_command(const Words& words) {
  ChatCommand asked;
  Options options{
      "chat",
      {.examples = kExamples,
       .description =
           "Joins the rooms of a chat server: type a line, and everybody in your room reads it;\n"
           "/help tells the commands.  Tab completes nicks and commands; Ctrl-D leaves.  When the\n"
           "connection is lost it is made again, and the line being typed stays.\n"
           "udp:// talks to one other, or in a room of everybody at a broadcast or multicast\n"
           "address, without a server; nothing is sure to arrive.\n"
           "Behind a pipe: lines in, lines out, until the end of input and of the server.\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT (loopback), unix:/PATH, udp://HOST:PORT,\n"
           "unix-datagram:/PATH."}};
  add_options(options, asked);
  return options.parse_and_run(words, [&] { return check_and_chat(options, asked); });
}

}  // namespace headrace::tool
