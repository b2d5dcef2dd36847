// SPDX-License-Identifier: MIT
//
// The operations on sockets: receive, send, accept, connect, ready. Each is its system call, what
// the answer means, and the same as a request to a completion engine. Nothing here waits but a call
// on a blocking socket.
//
// The usual course of receive and send is in stream_operations.hpp, where an engine's loop finds
// it. Not here: deadlines and cancelling (an engine's business), operations that another task
// completes (src/coro).
#include <cerrno>

#include "engines/engine_core.hpp"
#include "engines/stream_operations.hpp"
#include "headrace/connect.hpp"
#include "headrace/listener.hpp"
#include "net/accept_errors.hpp"

namespace headrace::detail {

namespace {

Verdict must_wait(SocketRecord& socket, WaitFor direction) noexcept {
  socket.ready[static_cast<std::size_t>(direction)] = false;
  return Verdict::would_wait;
}

Verdict fail_operation(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  const Failure failure = Failure::from_errno(operation.type->call, static_cast<int>(-answer));
  note_failure(socket, failure.code);
  return finish(operation, failure);
}

bool is_again(std::int64_t answer) noexcept { return answer == -EAGAIN || answer == -EWOULDBLOCK; }

// receive and send: their usual course is in the header.

Verdict absorb_receive(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  return take_received(operation, socket, answer);
}

Verdict attempt_receive(Operation& operation, SocketRecord& socket) noexcept {
  BufferBlock* const block = socket.engine->buffers.take();
  if (block == nullptr) [[unlikely]]
    return receive_nowhere(operation, socket);
  return take_received(operation, socket, receive_into(operation, socket, block));
}

void describe_receive(const Operation&, const SocketRecord& socket, Submission& request) noexcept {
  request = {Submission::Call::recv, socket.descriptor, nullptr, BufferPool::kCapacity,
             socket.receive_flags};
}

Verdict absorb_send(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  return take_sent(operation, socket, answer);
}

Verdict attempt_send(Operation& operation, SocketRecord& socket) noexcept {
  return send_now(operation, socket);
}

void describe_send(const Operation& operation, const SocketRecord& socket,
                   Submission& request) noexcept {
  request = {Submission::Call::send, socket.descriptor, operation.sending.data(),
             operation.sending.size(), MSG_NOSIGNAL};
}

// accept: accept4(2); the peer's address comes with it, for a peer that resets has none afterwards.

int accept_flags(const SocketRecord& socket) noexcept {
  const bool blocking = socket.engine->socket_mode() == net::Blocking::yes;
  return SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
}

Verdict take_connection(Operation& operation, SocketRecord& listener, net::Socket socket,
                        const net::SocketAddress& peer) noexcept {
  const auto made = listener.engine->admit(listener, std::move(socket), peer);
  if (!made && made.error().code == Errc::would_wait) return Verdict::progressed;
  if (!made) return finish(operation, made.error());
  operation.made = *made;
  return finish(operation);
}

Verdict end_accept(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  if (is_again(answer)) return must_wait(socket, WaitFor::readable);
  if (net::after_accept_error(static_cast<int>(-answer)) == net::AfterAcceptError::retry)
    return Verdict::progressed;
  return fail_operation(operation, socket, answer);
}

Verdict absorb_accept(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  if (answer < 0) return end_accept(operation, socket, answer);
  const auto descriptor = static_cast<int>(answer);
  return take_connection(operation, socket, net::Socket{descriptor},
                         net::peer_address(descriptor).value_or(net::SocketAddress{}));
}

Verdict attempt_accept(Operation& operation, SocketRecord& socket) noexcept {
  net::SocketAddress peer;
  const int answer =
      sys::accept4(socket.descriptor, peer.get(), &peer.length, accept_flags(socket));
  if (answer < 0) return end_accept(operation, socket, answer);
  return take_connection(operation, socket, net::Socket{answer}, peer);
}

void describe_accept(const Operation&, const SocketRecord& socket, Submission& request) noexcept {
  request = {Submission::Call::accept, socket.descriptor, nullptr, 0, accept_flags(socket)};
}

// connect: connect(2) again and again; on Linux it says EALREADY until the handshake is over, then
// how that went.

Verdict absorb_connect(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  if (answer == 0 || answer == -EISCONN) return finish(operation);
  if (answer == -EINPROGRESS || answer == -EALREADY || answer == -EINTR)
    return must_wait(socket, WaitFor::writable);
  // A full Unix backlog: nothing will tell when there is room, so this is for the caller to try
  // again.
  if (is_again(answer)) return finish(operation, {"connect", EAGAIN, Errc::would_wait});
  return fail_operation(operation, socket, answer);
}

Verdict attempt_connect(Operation& operation, SocketRecord& socket) noexcept {
  const auto& to = *static_cast<const net::SocketAddress*>(operation.target);
  return absorb_connect(operation, socket, sys::connect(socket.descriptor, to.get(), to.length));
}

void describe_connect(const Operation& operation, const SocketRecord& socket,
                      Submission& request) noexcept {
  const auto& to = *static_cast<const net::SocketAddress*>(operation.target);
  request = {Submission::Call::connect, socket.descriptor, to.get(), to.length, 0};
}

// ready: poll(2) of one descriptor that is no socket of ours.

Verdict absorb_ready(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept {
  if (answer >= 0) return finish(operation);  // POLLERR and POLLHUP are ready too
  if (answer == -EINTR) return Verdict::progressed;
  return is_again(answer) ? Verdict::would_wait : fail_operation(operation, socket, answer);
}

template <short kEvent, WaitFor kDirection>
Verdict attempt_ready(Operation& operation, SocketRecord& socket) noexcept {
  pollfd entry{socket.descriptor, kEvent, 0};
  const int answer = sys::poll(&entry, 1, 0);
  return answer == 0 ? must_wait(socket, kDirection) : absorb_ready(operation, socket, answer);
}

template <short kEvent>
void describe_ready(const Operation&, const SocketRecord& socket, Submission& request) noexcept {
  request = {Submission::Call::poll, socket.descriptor, nullptr, 0, kEvent};
}

}  // namespace

// What is rare about receive and send. Whatever the failure, another attempt tells at once what
// there is to tell: the kernel will not speak of it again.

[[gnu::cold]] void tell_message(SocketRecord& socket, const Operation& operation) noexcept {
  const Lease& lease = operation.lease;
  const auto* const bytes = reinterpret_cast<const std::byte*>(lease.block) + lease.begin;
  socket.engine->observer()->message(*socket.info, {bytes, lease.size});
}

[[gnu::cold]] Verdict receive_nowhere(Operation& operation, SocketRecord& socket) noexcept {
  socket.ready[0] = true;
  return finish(operation, {"mmap", ENOMEM, Errc::out_of_memory});
}

[[gnu::cold]] Verdict end_receive(Operation& operation, SocketRecord& socket,
                                  std::int64_t answer) noexcept {
  BufferBlock* const block = operation.lease.block;
  if (block != nullptr) block->pool->give(block);
  if (is_again(answer)) return must_wait(socket, WaitFor::readable);
  socket.ready[0] = true;
  if (answer == -EINTR) return Verdict::progressed;
  if (answer != 0) return fail_operation(operation, socket, answer);
  note_failure(socket, Errc::end_of_stream);
  return finish(operation, {"recv", 0, Errc::end_of_stream});
}

[[gnu::cold]] Verdict end_send(Operation& operation, SocketRecord& socket,
                               std::int64_t answer) noexcept {
  if (is_again(answer)) return must_wait(socket, WaitFor::writable);
  if (answer == -EINTR) return Verdict::progressed;
  return fail_operation(operation, socket, answer);
}

const OperationType receive_operation{"recv",
                                      WaitFor::readable,
                                      true,
                                      true,
                                      false,
                                      attempt_receive,
                                      start_with<attempt_receive>,
                                      absorb_receive,
                                      describe_receive,
                                      nullptr};
const OperationType send_operation{
    "send",       WaitFor::writable,        false,       true,          false,
    attempt_send, start_with<attempt_send>, absorb_send, describe_send, nullptr};
const OperationType accept_operation{
    "accept4",      WaitFor::readable,          true,          false,           false,
    attempt_accept, start_with<attempt_accept>, absorb_accept, describe_accept, nullptr};
const OperationType connect_operation{"connect",
                                      WaitFor::writable,
                                      false,
                                      false,
                                      false,
                                      attempt_connect,
                                      start_with<attempt_connect>,
                                      absorb_connect,
                                      describe_connect,
                                      nullptr};
const OperationType readable_operation{"poll",
                                       WaitFor::readable,
                                       false,
                                       false,
                                       false,
                                       attempt_ready<POLLIN, WaitFor::readable>,
                                       start_with<attempt_ready<POLLIN, WaitFor::readable>>,
                                       absorb_ready,
                                       describe_ready<POLLIN>,
                                       nullptr};
const OperationType writable_operation{"poll",
                                       WaitFor::writable,
                                       false,
                                       false,
                                       false,
                                       attempt_ready<POLLOUT, WaitFor::writable>,
                                       start_with<attempt_ready<POLLOUT, WaitFor::writable>>,
                                       absorb_ready,
                                       describe_ready<POLLOUT>,
                                       nullptr};

}  // namespace headrace::detail
