// SPDX-License-Identifier: MIT
//
// What all engines share: records, addresses of connections, the public Engine and the ends of
// streams.
#include "engines/engine_core.hpp"

#include <cstring>
#include <new>

#include <netinet/in.h>

#include "headrace/listener.hpp"
#include "headrace/stream.hpp"

namespace headrace {

namespace detail {

SocketRecord* RecordPool::take() noexcept {
  if (free_ == nullptr) {
    // A thread's engine has one socket, a loop's thousands.
    const std::size_t size = chunks_.empty() ? 2 : 64;
    std::unique_ptr<SocketRecord[]> records{new (std::nothrow) SocketRecord[size]};
    if (records == nullptr) return nullptr;
    for (std::size_t index = size; index-- != 0;) give(records[index]);
    chunks_.emplace_back(std::move(records), size);
  }
  SocketRecord* const record = free_;
  free_ = record->next;
  *record = SocketRecord{};
  return record;
}

void RecordPool::give(SocketRecord& record) noexcept {
  record.flags = 0;
  record.descriptor = -1;
  record.next = free_;
  free_ = &record;
}

CompactAddress compact(const net::SocketAddress& address, Transport transport) noexcept {
  CompactAddress result{.transport = transport};
  if (address.family() == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in&>(address.storage);
    result.bytes[10] = result.bytes[11] = 0xff;  // IPv4-mapped: RFC 4291, 2.5.5.2
    std::memcpy(&result.bytes[12], &ip.sin_addr, sizeof ip.sin_addr);
    result.port = ntohs(ip.sin_port);
  } else if (address.family() == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(result.bytes.data(), &ip.sin6_addr, sizeof ip.sin6_addr);
    result.port = ntohs(ip.sin6_port);
    result.zone = ip.sin6_scope_id;
  }
  return result;
}

Address expand(const CompactAddress& compact) noexcept {
  if (compact.transport >= Transport::unix_stream) return Address::local(compact.transport, "");
  net::SocketAddress full;
  sockaddr_in6 ip{};
  ip.sin6_family = AF_INET6;
  ip.sin6_port = htons(compact.port);
  ip.sin6_scope_id = compact.zone;
  std::memcpy(&ip.sin6_addr, compact.bytes.data(), compact.bytes.size());
  std::memcpy(&full.storage, &ip, sizeof ip);
  full.length = sizeof ip;
  return net::to_address(full, compact.transport);
}

EngineCore::EngineCore() {
  self_.engine = this;
  self_.info = &own_info_;
  self_.ready[static_cast<std::size_t>(WaitFor::wake)] = true;
}

EngineCore::~EngineCore() = default;

Result<SocketRecord*> EngineCore::make_record(int descriptor, Transport transport) noexcept {
  SocketRecord* const record = records_.take();
  if (record == nullptr) return fail(Errc::out_of_memory, "new");
  record->engine = this;
  record->descriptor = descriptor;
  record->transport = transport;
  record->info = &own_info_;
  return record;
}

void EngineCore::end_record(SocketRecord& socket) noexcept {
  const bool moved_since = static_cast<std::uint32_t>(bytes_moved(socket)) != socket.moved_at_last;
  if (socket.info != &own_info_)
    observer_->departed(*socket.info, moved_since ? Errc::end_of_stream : socket.last);
  if (socket.datagram != nullptr) end_datagrams(socket);
  if ((socket.flags & SocketRecord::kBorrowed) == 0)
    (void)sys::close(
        socket.descriptor);  // the peer may be gone already; EINTR leaves it closed on Linux
  socket.descriptor = -1;
  socket.flags |= SocketRecord::kClosed;
}

Result<SocketRecord*> EngineCore::admit(const SocketRecord& listener, net::Socket socket,
                                        const net::SocketAddress& peer) noexcept {
  if ((listener.flags & SocketRecord::kServing) == 0)
    return adopt(std::move(socket), listener.transport);
  ConnectionInfo* const info = observer_->admit(peer, listener.transport);
  if (info == nullptr) return fail(Errc::would_wait, "accept4");  // refused, counted and told
  auto record = adopt(std::move(socket), listener.transport);
  if (!record) {
    observer_->unserved(*info, record.error().code);
    return fail(Errc::would_wait, "accept4");
  }
  observer_->serving(*info);
  (*record)->info = info;
  if (watch_messages_) (*record)->flags |= SocketRecord::kWatched;
  return record;
}

Task<> linger(SocketRecord& socket) {
  Stream peer{&socket};
  (void)peer.shutdown_send();  // the peer may be gone already
  while (co_await peer.receive()) {
  }
}

bool start(Operation& operation) noexcept { return operation.socket->engine->start(operation); }

bool start_receive(Operation& operation) noexcept {
  return operation.socket->engine->start_receive(operation);
}

bool start_send(Operation& operation) noexcept {
  return operation.socket->engine->start_send(operation);
}

SocketRecord* own_record(Engine& engine) noexcept {
  return &static_cast<EngineCore&>(engine).self();
}

void close(SocketRecord* socket) noexcept { socket->engine->close(*socket); }

}  // namespace detail

using detail::EngineCore;

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::create(EngineKind kind) {
  auto made = detail::make_engine(kind);
  if (!made) return std::unexpected(made.error());
  return std::unique_ptr<Engine>(std::move(*made));
}

void Engine::run(Task<> task) {
  TaskScope scope{*this};
  static_cast<EngineCore&>(*this).run_to_end(scope, std::move(task));
}

Task<Result<>> Engine::wait_ready(int descriptor, Direction direction, Deadline deadline) {
  auto& core = static_cast<EngineCore&>(*this);
  const auto socket = core.borrow(descriptor);
  if (!socket && socket.error().code == Errc::not_supported)
    co_return Result<>{};  // a file: always ready
  if (!socket) co_return std::unexpected(socket.error());
  const auto& type =
      direction == Direction::readable ? detail::readable_operation : detail::writable_operation;
  const Result<> ready = co_await Awaitable<Result<>>{type, *socket, deadline};
  core.close(**socket);
  co_return ready;
}

template <>
Result<Stream> detail::take(Operation& operation) noexcept {
  if (operation.outcome != Outcome::done) return std::unexpected(operation.failure);
  return Stream{operation.made};
}

Result<> Stream::shutdown_send() noexcept {
  const int answer = sys::shutdown(socket_->descriptor, SHUT_WR);
  if (answer < 0) return fail_errno("shutdown", -answer);
  return {};
}

Address Stream::peer() const noexcept {
  if (socket_->info->id != 0) return detail::expand(socket_->info->peer);
  const auto address = net::peer_address(socket_->descriptor);
  return net::to_address(address.value_or(net::SocketAddress{}), socket_->transport);
}

Address Stream::local() const noexcept {
  const auto address = net::local_address(socket_->descriptor);
  return net::to_address(address.value_or(net::SocketAddress{}), socket_->transport);
}

std::uint64_t Stream::id() const noexcept { return socket_->info->id; }

Engine& Stream::engine() const noexcept { return *socket_->engine; }

Address Listener::address() const noexcept {
  const auto address = net::local_address(socket_->descriptor);
  return net::to_address(address.value_or(net::SocketAddress{}), socket_->transport);
}

}  // namespace headrace
