// SPDX-License-Identifier: MIT
//
// Opening the socket of a chat, and the two ends that talk over it.
#include "chat/datagram_chat.hpp"

#include <memory>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "chat/datagram_talk.hpp"
#include "chat/plain_speech.hpp"
#include "chat/room_speech.hpp"
#include "chat/talk_ends.hpp"
#include "datagrams/datagram_address.hpp"
#include "datagrams/explain_datagram.hpp"
#include "output.hpp"

namespace headrace::tool {

namespace {

/// A socket, and where it sends to.
struct Opened {
  Datagram socket;
  Endpoint to;
  bool is_connected = false;
};

/// `group`, of which a link-local one of IPv6 needs an interface in it.
Address with_interface(const Address& group, const std::string& interface) {
  const std::string_view host = group.host();
  if (interface.empty() || !host.contains(':') || host.contains('%')) return group;
  return Address::ip(Transport::udp, fmt::format("{}%{}", host, interface), group.port());
}

// Everybody binds the port of the room: what one says reaches the others' programs there, several
// on one machine too. Of groups the address itself, so that nothing else comes in; of broadcasts
// the wildcard, else it would be deaf.
Result<Opened> open_room(Engine& engine, const DatagramChat& asked) {
  const Address group = with_interface(asked.to, asked.interface);
  const auto to = Endpoint::of(group);
  if (!to) return std::unexpected(to.error());
  const bool is_group = to->is_multicast();
  const Address at = is_group ? group : Address::ip(Transport::udp, "broadcast", group.port());
  auto socket = Datagram::bind(
      engine, at, {.broadcast = !is_group, .shared = true, .interface = asked.interface});
  if (!socket) return std::unexpected(socket.error());
  if (is_group)
    if (const auto joined = socket->join(*to, asked.interface); !joined)
      return std::unexpected(joined.error());
  return Opened{.socket = std::move(*socket), .to = *to};
}

/// Where to bind. With a port alone: the address of this machine that the peer can answer to, and
/// no other is opened to anybody.
Result<Address> place_to_bind(Engine& engine, const DatagramChat& asked, const Endpoint& peer) {
  if (!asked.listens_towards_peer) return *asked.listen;
  auto probe = Datagram::open(engine, peer);
  if (!probe) return std::unexpected(probe.error());
  if (const auto connected = probe->connect(peer); !connected)
    return std::unexpected(connected.error());
  return probe->local().with_port(asked.listen->port());
}

// Without --listen only the peer knows our port, and only it is heard; with it anybody may write.
Result<Opened> open_to(Engine& engine, const DatagramChat& asked, const Endpoint& peer) {
  if (!asked.listen) {
    auto socket = Datagram::open(engine, peer);
    if (!socket) return std::unexpected(socket.error());
    if (const auto connected = socket->connect(peer); !connected)
      return std::unexpected(connected.error());
    return Opened{.socket = std::move(*socket), .to = peer, .is_connected = true};
  }
  const auto at = place_to_bind(engine, asked, peer);
  if (!at) return std::unexpected(at.error());
  auto socket = Datagram::bind(engine, *at);
  if (!socket) return std::unexpected(socket.error());
  return Opened{.socket = std::move(*socket), .to = peer};
}

Result<Opened> open_peer(Engine& engine, const DatagramChat& asked) {
  const auto peers = endpoints_of(asked.to);
  if (!peers) return std::unexpected(peers.error());
  Result<Opened> opened = fail(Errc::name_not_found, "getaddrinfo");
  for (const Endpoint& peer : *peers) {
    opened = open_to(engine, asked, peer);
    if (opened) break;
  }
  return opened;
}

std::string why_not_opened(const DatagramChat& asked, const Failure& failure) {
  const bool is_ours = failure.code == Errc::address_in_use ||
                       failure.code == Errc::address_unavailable ||
                       (failure.code == Errc::permission_denied && asked.listen);
  if (!is_ours) return explain_send(asked.to, failure);
  // Named as whoever holds the port names it.
  const bool is_wildcard = is_room(asked) && !Endpoint::of(asked.to)->is_multicast();
  const Address wildcard = Address::ip(Transport::udp, "0.0.0.0", asked.to.port());
  return explain_receive(is_wildcard ? wildcard : asked.listen.value_or(asked.to), failure);
}

std::unique_ptr<Speech> make_speech(const DatagramChat& asked, const Endpoint& to, bool person) {
  if (is_room(asked)) return std::make_unique<RoomSpeech>(std::random_device{}(), asked.nick);
  const auto whom = person ? PlainSpeech::For::person : PlainSpeech::For::program;
  return std::make_unique<PlainSpeech>(to.address(), whom);
}

}  // namespace

bool is_room(const DatagramChat& asked) {
  if (asked.broadcast || asked.to.host() == "broadcast") return true;
  const auto endpoint = Endpoint::of(asked.to);
  return endpoint && endpoint->is_multicast();
}

int run_datagram_chat(const DatagramChat& asked) {
  auto engine = Engine::create(EngineKind::poll);  // it can wait for any file, epoll cannot
  if (!engine) return complain(fmt::format("chat: {}", engine.error().reason()), kFailed);
  auto opened = is_room(asked) ? open_room(**engine, asked) : open_peer(**engine, asked);
  if (!opened) return complain(why_not_opened(asked, opened.error()), kFailed);
  const bool person = is_at_terminal();
  const auto speech = make_speech(asked, opened->to, person);
  DatagramTalk talk{**engine,
                    std::move(opened->socket),
                    *speech,
                    {.address = asked.to,
                     .to = opened->to,
                     .is_connected = opened->is_connected,
                     .for_person = person,
                     .linger = asked.linger,
                     .encoding = asked.encoding,
                     .peer_encoding = asked.peer_encoding}};
  return person ? talk_at_terminal(**engine, talk) : talk_through_pipes(**engine, talk);
}

}  // namespace headrace::tool
