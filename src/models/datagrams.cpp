// SPDX-License-Identifier: MIT
//
// Datagram addresses opened, and served. Not here: what thread or process a worker is (the
// launchers).
#include "models/datagrams.hpp"

#include <algorithm>

#include "models/door_addresses.hpp"
#include "models/server.hpp"

namespace headrace::models {

namespace {

Result<> open_unix_door(const Address& at, DatagramDoors& to) {
  DatagramDoor door{at};
  auto socket = net::bind_datagrams_at_path(at, {}, net::Blocking::no, door.path);
  if (!socket) return std::unexpected(socket.error());
  door.sockets.push_back(std::move(*socket));
  to.doors.push_back(std::move(door));
  return {};
}

// As for TCP the first binds alone: a second server begins alone as well, and is refused.
Result<std::uint16_t> open_udp_door(const Address& at, net::SocketAddress where, unsigned sockets,
                                    DatagramDoors& to) {
  DatagramDoor door{at};
  for (unsigned index = 0; index < sockets; ++index) {
    const auto sharing = sockets == 1 ? net::Sharing::alone
                         : index == 0 ? net::Sharing::first
                                      : net::Sharing::join;
    auto socket = net::bind_datagrams(where, {}, sharing, net::Blocking::no);
    if (!socket) return std::unexpected(socket.error());
    const auto bound = net::local_address(socket->descriptor());
    if (!bound) return std::unexpected(bound.error());
    where = *bound;  // with the port that the kernel chose, for the next worker
    door.sockets.push_back(std::move(*socket));
  }
  door.address = net::to_address(where, at.transport());
  to.doors.push_back(std::move(door));
  return to.doors.back().address.port();
}

Task<> serve_at(Server& server, Datagram socket) {
  co_await server.service.run_datagrams(std::move(socket));
  server.look();
  if (server.stop.begun()) co_return;
  server.had_enough = true;  // and nobody takes its place
  server.stop.begin();
}

}  // namespace

void DatagramDoors::close_to_new() noexcept {
  for (std::size_t door = 0; door < doors.size(); ++door) {
    for (std::size_t socket = 0; socket < doors[door].sockets.size(); ++socket) {
      const int descriptor = doors[door].sockets[socket].descriptor();
      detail::raise_to(table->tally(door, socket).dropped, net::drops_of(descriptor));
    }
    table->close(door);
    for (const net::Socket& socket : doors[door].sockets) net::close_to_new(socket.descriptor());
  }
}

Result<> open_datagram_doors(const Address& at, unsigned sockets, int stopper, DatagramDoors& to) {
  if (at.is_unix()) return open_unix_door(at, to);
  const bool broadcast = at.host() == "broadcast";  // received at the wildcard
  const Address where = broadcast ? Address::ip(Transport::udp, "0.0.0.0", at.port()) : at;
  return open_each(where, stopper, [&](const net::SocketAddress& one) {
    return open_udp_door(where, one, sockets, to);
  });
}

Result<Datagram> take_datagrams(Server& server, detail::EngineCore& engine, std::size_t door,
                                std::size_t worker) {
  DatagramDoor& from = server.datagrams.doors[door];
  const bool shared = from.sockets.size() == 1;
  const int copy = sys::duplicate(from.sockets[shared ? 0 : worker].descriptor());
  if (copy < 0) return fail_errno("dup", -copy);
  net::Socket socket{copy};
  // One socket, one way of waiting: loops and blocking launchers are never in one server.
  if (engine.socket_mode() == net::Blocking::yes)
    if (const int error = sys::set_blocking(copy); error < 0) return fail_errno("fcntl", -error);
  const auto record = detail::adopt_datagrams(engine, std::move(socket), from.address.transport());
  if (!record) return std::unexpected(record.error());
  detail::DatagramSide& side = *(*record)->datagram;
  side.tally = &server.datagrams.table->tally(door, worker);
  side.dropped = &server.datagrams.table->tally(door, shared ? 0 : worker).dropped;
  side.server = server.datagrams.endpoints;
  (*record)->flags |= detail::SocketRecord::kServing;
  if (engine.wants_messages()) (*record)->flags |= detail::SocketRecord::kWatched;
  return Datagram{*record};
}

Task<> serve_datagrams(Server& server, detail::EngineCore& engine, std::size_t worker) {
  TaskScope services{engine};
  for (std::size_t door = 0; door < server.datagrams.doors.size(); ++door) {
    auto socket = take_datagrams(server, engine, door, worker);
    const auto started = socket ? services.spawn(serve_at(server, std::move(*socket)))
                                : Result<>{std::unexpected(socket.error())};
    if (!started) server.fail(AddressText{server.datagrams.doors[door].address}, started.error());
  }
  co_await services.join();
}

unsigned datagram_workers(const Server& server) noexcept {
  if (server.datagrams.empty()) return 0;
  return server.doors.empty() ? server.workers : server.workers / 2;
}

}  // namespace headrace::models
