// SPDX-License-Identifier: MIT
//
// Where a server's datagrams come in, and the service that runs there. A datagram socket has no
// connections: its service is one task for as long as the server runs, in every worker.
#pragma once

#include <vector>

#include "engines/engine_core.hpp"
#include "headrace/datagram.hpp"
#include "headrace/task_scope.hpp"
#include "models/datagram_table.hpp"
#include "net/unix_path.hpp"

namespace headrace::models {

struct Server;

/// An address that datagrams come to. The sockets stay here, so that one place can close them to
/// what is new; workers have duplicates.
struct DatagramDoor {
  Address address;  // as bound, with the port the kernel chose
  net::UnixPath path{};
  std::vector<net::Socket> sockets{};  // one for each worker, or one that they share
};

struct DatagramDoors {
  std::vector<DatagramDoor> doors{};
  std::vector<Endpoint> endpoints{};       // of all doors, to tell who of us has sent
  std::unique_ptr<DatagramTable> table{};  // made once the workers are known; null without doors

  [[nodiscard]] bool empty() const noexcept { return doors.empty(); }
  /// The kernel drops what comes from now on; what is queued is still served.
  void close_to_new() noexcept;
};

/// Binds `at` for so many workers with a socket of their own. A name is waited for until `stopper`
/// is readable: see open_each.
[[nodiscard]] Result<> open_datagram_doors(const Address& at, unsigned sockets, int stopper,
                                           DatagramDoors& to);

/// The socket of `worker` at `door`, on its engine. Workers are counted from 0.
[[nodiscard]] Result<Datagram> take_datagrams(Server& server, detail::EngineCore& engine,
                                              std::size_t door, std::size_t worker);

/// Runs the service at every door, until all of them have ended; beside each other, as tasks of one
/// scope. A service that ends by itself ends the server.
[[nodiscard]] Task<> serve_datagrams(Server& server, detail::EngineCore& engine,
                                     std::size_t worker);

/// Under blocking launchers that serve streams too: how many of the workers are for datagrams.
[[nodiscard]] unsigned datagram_workers(const Server& server) noexcept;

}  // namespace headrace::models
