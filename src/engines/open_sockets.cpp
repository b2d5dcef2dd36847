// SPDX-License-Identifier: MIT
//
// Sockets made on an engine: a listener, and a connection to one.
#include "engines/engine_core.hpp"
#include "headrace/connect.hpp"
#include "headrace/listener.hpp"
#include "net/unix_path.hpp"

namespace headrace {

namespace {

using detail::EngineCore;
using net::SocketAddress;

Result<net::Socket> open_at(const Address& at, Backlog backlog, net::Blocking blocking,
                            net::UnixPath& path) {
  if (!at.is_stream()) return fail(Errc::invalid_address, "a datagram address has no connections");
  if (at.is_unix()) return net::listen_at_path(at, backlog, blocking, path);
  const auto resolved = net::resolve(at, true, net::Names::resolve);
  if (!resolved) return std::unexpected(resolved.error());
  return net::listen_at(resolved->front(), backlog, net::Sharing::first, blocking);
}

/// One address of the name: a socket, and the handshake.
Task<Result<Stream>> connect_to(EngineCore& engine, SocketAddress to, Transport transport,
                                Deadline deadline) {
  auto socket = net::make_stream_socket(to.family(), engine.socket_mode());
  if (!socket) co_return std::unexpected(socket.error());
  const auto record = engine.adopt(std::move(*socket), transport);
  if (!record) co_return std::unexpected(record.error());
  Stream stream{*record};
  const Result<> connected =
      co_await Awaitable<Result<>>{detail::connect_operation, *record, deadline, &to};
  if (!connected) co_return std::unexpected(connected.error());
  co_return stream;
}

// A Unix listener with a full backlog says EAGAIN, and nothing tells when there is room again
// (connect(2)).
constexpr auto kUnixRetry = std::chrono::milliseconds{5};

bool is_full_backlog(const Failure& failure) noexcept { return failure.code == Errc::would_wait; }

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

Task<Result<Stream>> connect(Engine& engine, Address to, Deadline deadline) {
  auto& core = static_cast<EngineCore&>(engine);
  if (!to.is_stream())
    co_return fail(Errc::invalid_address, "a datagram address cannot be connected to as a stream");
  const auto resolved = net::resolve(to, false, net::Names::resolve);
  if (!resolved) co_return std::unexpected(resolved.error());
  const Deadline until = Deadline::at(deadline.resolve(std::chrono::steady_clock::now()));
  const Deadline whole = deadline.is_never() ? deadline : until;
  Failure last{};
  for (const SocketAddress& address : *resolved) {
    for (;;) {
      auto stream = co_await connect_to(core, address, to.transport(), whole);
      if (stream) co_return stream;
      last = stream.error();
      if (!is_full_backlog(last)) break;
      if (std::chrono::steady_clock::now() >= whole.resolve({}))
        co_return fail(Errc::timed_out, "connect");
      if (!co_await engine.sleep(Deadline::after(kUnixRetry)))
        co_return fail(Errc::canceled, "connect");
    }
    if (last.code == Errc::timed_out || last.code == Errc::canceled) break;
  }
  co_return std::unexpected(last);
}

}  // namespace headrace
