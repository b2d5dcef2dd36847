// SPDX-License-Identifier: MIT
//
// Sockets of a blocking engine come and go: nothing is registered anywhere, and who closes in a
// drain waits in line for the peer's FIN. Not here: their operations (blocking.cpp).
#include <cerrno>

#include "engines/blocking.hpp"
#include "engines/blocking_limit.hpp"

namespace headrace::detail {

Result<SocketRecord*> BlockingEngine::adopt(net::Socket socket, Transport transport) noexcept {
  auto record = make_record(socket.descriptor(), transport);
  if (!record) return record;
  (void)socket.release();  // the record's now
  (*record)->kernel_limit = {TimeLimit::kNone, TimeLimit::kNone};
  return record;
}

Result<SocketRecord*> BlockingEngine::borrow(int descriptor) noexcept {
  auto record = adopt(net::Socket{}, Transport::unix_stream);
  if (!record) return record;
  (*record)->descriptor = descriptor;
  (*record)->flags |= SocketRecord::kBorrowed;
  return record;
}

void BlockingEngine::close(SocketRecord& socket) noexcept {
  const Phase phase = phase_.load(std::memory_order_relaxed);
  if (phase == Phase::cut) note_failure(socket, Errc::canceled);
  if (phase == Phase::draining && socket.info->id != 0) linger_in_line(socket);
  end_record(socket);
  records_.give(socket);
  buffers.trim();
}

// Our side is shut; what still comes is thrown away until the peer's FIN or the final cut, so that
// nothing is unread when the socket is closed, which would reset the connection under the reply.
void BlockingEngine::linger_in_line(SocketRecord& socket) noexcept {
  BufferBlock* const block = buffers.take();
  if (block == nullptr || sys::shutdown(socket.descriptor, SHUT_WR) < 0) {
    if (block != nullptr) buffers.give(block);
    return;
  }
  while (phase_.load(std::memory_order_relaxed) != Phase::cut) {
    const auto answer =
        sys::recv(socket.descriptor, BufferPool::bytes_in(block), BufferPool::kCapacity, 0);
    if (answer == -EINTR || take_signal()) {
      interrupted();
      shut_if_kicked(socket);
    } else if (answer <= 0 && answer != -EAGAIN)
      break;
  }
  buffers.give(block);
}

}  // namespace headrace::detail
