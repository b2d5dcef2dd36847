// SPDX-License-Identifier: MIT
//
// Datagram sockets made on an engine, and what can be asked of them. Not here: sending and
// receiving (datagram_operations.cpp).
#include <algorithm>
#include <new>

#include "engines/datagram_batch.hpp"
#include "engines/datagram_side.hpp"
#include "engines/engine_core.hpp"
#include "net/unix_path.hpp"

namespace headrace {

namespace {

using detail::DatagramSide;
using detail::DatagramTally;
using detail::EngineCore;

std::uint64_t value_of(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

/// The host that a name resolves to first is the one; "broadcast" is received at the wildcard.
Result<net::Socket> bind_ip(const Address& at, const DatagramOptions& options,
                            net::Blocking blocking) {
  const bool broadcast = at.host() == "broadcast";
  const Address where = broadcast ? Address::ip(Transport::udp, "0.0.0.0", at.port()) : at;
  const auto resolved = net::resolve(where, true, net::Names::resolve);
  if (!resolved) return std::unexpected(resolved.error());
  return net::bind_datagrams(resolved->front(), options, net::Sharing::alone, blocking);
}

Result<Datagram> adopt(EngineCore& engine, Result<net::Socket> socket, Transport transport) {
  if (!socket) return std::unexpected(socket.error());
  const auto record = detail::adopt_datagrams(engine, std::move(*socket), transport);
  if (!record) return std::unexpected(record.error());
  return Datagram{*record};
}

}  // namespace

namespace detail {

Result<SocketRecord*> adopt_datagrams(EngineCore& engine, net::Socket socket,
                                      Transport transport) noexcept {
  std::unique_ptr<DatagramSide> side{new (std::nothrow) DatagramSide};
  if (side == nullptr) return fail(Errc::out_of_memory, "new");
  if (const auto local = net::local_address(socket.descriptor()))
    side->local = net::to_endpoint(*local);
  if (transport == Transport::unix_datagram)  // without memory nobody is held back
    side->unread.reset(new (std::nothrow) net::UnreadAnswers{socket.descriptor()});
  auto record = engine.adopt(std::move(socket), transport);
  if (!record) return record;
  if (engine.socket_mode() == net::Blocking::no) {
    side->batch.reset(new (std::nothrow) DatagramBatch{**record});
    engine.buffers.keep(DatagramBatch::kBlocks);
  }
  (*record)->datagram = side.release();
  if (engine.socket_mode() == net::Blocking::yes || (*record)->datagram->batch != nullptr)
    return record;
  engine.close(**record);
  return fail(Errc::out_of_memory, "new");
}

DatagramSide::DatagramSide() noexcept = default;
DatagramSide::~DatagramSide() = default;

// The kernel tells with a datagram how many were dropped before it; of those behind the last it
// must be asked.
void look_for_drops(SocketRecord& socket) noexcept {
  DatagramSide& side = *socket.datagram;
  if (!side.tally->closed_to_new) raise_to(*side.dropped, net::drops_of(socket.descriptor));
}

DatagramCounts counts_of(const DatagramTally& tally) noexcept {
  return {.received = value_of(tally.received),
          .bytes_received = value_of(tally.bytes_received),
          .sent = value_of(tally.sent),
          .bytes_sent = value_of(tally.bytes_sent),
          .failed = value_of(tally.failed),
          .truncated = value_of(tally.truncated),
          .dropped = value_of(tally.dropped),
          .unanswered = value_of(tally.unanswered),
          .limited = value_of(tally.limited)};
}

void end_datagrams(SocketRecord& socket) noexcept {
  look_for_drops(socket);
  socket.datagram->batch.reset();  // sends what was posted, and counts it
  delete std::exchange(socket.datagram, nullptr);
}

}  // namespace detail

const Endpoint& Received::sender() const noexcept { return detail::head_of(lease_.block).sender; }

bool Received::is_truncated() const noexcept { return detail::head_of(lease_.block).truncated; }

bool Received::is_answer() const noexcept { return detail::head_of(lease_.block).is_answer; }

Answering::Answering(detail::SocketRecord* on, Received received) noexcept
    : Sending{detail::post_operation,
              on,
              Deadline::never(),
              {received.data(), received.size()},
              &received.sender()} {
  outgoing_.block = std::exchange(received.lease_.block, nullptr);
}

struct Datagram::File {
  net::UnixPath path{};
};

Datagram::~Datagram() {
  delete file_;  // as long as the socket is open nobody takes the path over
  if (socket_ != nullptr) detail::close(socket_);
}

Result<Datagram> Datagram::bind(Engine& engine, const Address& at, const DatagramOptions& options) {
  auto& core = static_cast<EngineCore&>(engine);
  if (at.is_stream()) return fail(Errc::invalid_address, "not a datagram address");
  if (!at.is_unix()) return adopt(core, bind_ip(at, options, core.socket_mode()), at.transport());
  if (at.path().empty())
    return adopt(core, net::bind_unnamed(options, core.socket_mode()), at.transport());
  auto file = std::make_unique<File>();
  auto made = adopt(core, net::bind_datagrams_at_path(at, options, core.socket_mode(), file->path),
                    at.transport());
  if (made) made->file_ = file.release();
  return made;
}

Result<Datagram> Datagram::open(Engine& engine, const Endpoint& to,
                                const DatagramOptions& options) {
  auto& core = static_cast<EngineCore&>(engine);
  if (to.is_unix())
    return adopt(core, net::bind_unnamed(options, core.socket_mode()), Transport::unix_datagram);
  const int family = net::to_socket_address(to).family();
  return adopt(core, net::make_datagram_socket(family, options, core.socket_mode()),
               Transport::udp);
}

Result<> Datagram::connect(const Endpoint& to) noexcept {
  const auto* const address = static_cast<const sockaddr*>(to.data());
  const int answer = sys::connect(socket_->descriptor, address, to.size());
  if (answer < 0) return fail_errno("connect", -answer);
  socket_->datagram->connected = true;
  return {};
}

Result<> Datagram::mark_answers() noexcept {
  const int family = net::to_socket_address(socket_->datagram->local).family();
  return net::mark_as_answers(socket_->descriptor, family);
}

Result<> Datagram::join(const Endpoint& group, std::string_view interface) noexcept {
  return net::change_membership(socket_->descriptor, group, interface, net::Membership::join);
}

Result<> Datagram::leave(const Endpoint& group, std::string_view interface) noexcept {
  return net::change_membership(socket_->descriptor, group, interface, net::Membership::leave);
}

std::uint32_t Datagram::receive_buffer() const noexcept {
  std::uint32_t bytes = 0;
  socklen_t size = sizeof bytes;
  (void)sys::getsockopt(socket_->descriptor, SOL_SOCKET, SO_RCVBUF, &bytes,
                        &size);  // cannot fail on a socket
  return bytes;
}

Address Datagram::local() const noexcept {
  const auto address = net::local_address(socket_->descriptor);
  return net::to_address(address.value_or(net::SocketAddress{}), socket_->transport);
}

// Asked of every datagram; most senders are at a port that is none of ours.
bool Datagram::is_own(const Endpoint& sender) const noexcept {
  const DatagramSide& side = *socket_->datagram;
  const auto is_at = [&sender, port = sender.port()](const Endpoint& at) {
    return at.port() == port && net::is_at(sender, at);
  };
  // A server's endpoints are all of its own, and this socket's among them.
  return side.server.empty() ? is_at(side.local) : std::ranges::any_of(side.server, is_at);
}

DatagramCounts Datagram::counts() const noexcept {
  detail::look_for_drops(*socket_);
  DatagramCounts counts = detail::counts_of(*socket_->datagram->tally);
  counts.dropped = value_of(*socket_->datagram->dropped);
  return counts;
}

void Datagram::note(Unanswered why) noexcept {
  DatagramTally& tally = *socket_->datagram->tally;
  detail::add(why == Unanswered::by_rate ? tally.limited : tally.unanswered, 1);
}

Engine& Datagram::engine() const noexcept { return *socket_->engine; }

}  // namespace headrace
