// SPDX-License-Identifier: MIT
//
// A listener made on an engine. Not here: connections to one (src/coro/connect.cpp).
#include "engines/engine_core.hpp"
#include "headrace/listener.hpp"
#include "net/unix_path.hpp"

namespace headrace {

namespace {

using detail::EngineCore;

Result<net::Socket> open_at(const Address& at, Backlog backlog, net::Blocking blocking,
                            net::UnixPath& path) {
  if (!at.is_stream()) return fail(Errc::invalid_address, "a datagram address has no connections");
  if (at.is_unix()) return net::listen_at_path(at, backlog, blocking, path);
  const auto resolved = net::resolve(at, true, net::Names::resolve);
  if (!resolved) return std::unexpected(resolved.error());
  return net::listen_at(resolved->front(), backlog, net::Sharing::first, blocking);
}

}  // namespace

struct Listener::File {
  net::UnixPath path{};
};

Listener::Listener(detail::SocketRecord* socket) noexcept : socket_{socket} {}

Listener::Listener(Listener&& other) noexcept
    : socket_{std::exchange(other.socket_, nullptr)}, file_{std::exchange(other.file_, nullptr)} {}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(file_, other.file_);
  return *this;
}

Listener::~Listener() {
  if (socket_ != nullptr) detail::close(socket_);
  delete file_;
}

Result<Listener> Listener::open(Engine& engine, const Address& at, Backlog backlog) {
  auto& core = static_cast<EngineCore&>(engine);
  auto file = std::make_unique<File>();
  auto socket = open_at(at, backlog, core.socket_mode(), file->path);
  if (!socket) return std::unexpected(socket.error());
  const auto record = core.adopt(std::move(*socket), at.transport());
  if (!record) return std::unexpected(record.error());
  Listener listener{*record};
  if (at.is_unix()) listener.file_ = file.release();
  return listener;
}

}  // namespace headrace
