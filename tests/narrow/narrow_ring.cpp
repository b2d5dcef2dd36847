// SPDX-License-Identifier: MIT
//
// The conformance suite once more, under io_uring with hardly any room: 4 submissions, 8
// completions, 8 buffers, and beside the clients of a test a peer that sends and never reads, and
// holds on to as many of these buffers as it can get. Linked with the behaviours as they are.
#include <array>
#include <atomic>
#include <string>

#include <sys/socket.h>

#include "engines/io_uring.hpp"
#include "headrace/task_scope.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using detail::EngineCore;

constexpr int kMostBeside = 2;  // each takes two descriptors
std::atomic<int> beside = 0;

Task<> echo_for_ever(Stream peer) {
  while (auto bytes = co_await peer.receive())
    if (!co_await peer.send(*bytes)) co_return;
}

struct Ends {
  net::Socket ours;
  net::Socket talkative;  // full of bytes, and takes next to none back
};

Ends make_ends() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return {};
  const int little = 4096;
  (void)::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  const std::string much(1UZ << 16, 'x');
  while (::send(ends[1], much.data(), much.size(), MSG_NOSIGNAL) > 0) continue;
  return {net::Socket{ends[0]}, net::Socket{ends[1]}};
}

Task<> serve_beside(Service& service, Stream peer) {
  auto& engine = static_cast<EngineCore&>(peer.engine());
  TaskScope scope{engine};
  Ends ends;
  if (++beside <= kMostBeside) ends = make_ends();
  if (ends.ours.is_open()) {
    const auto stream = engine.adopt(std::move(ends.ours), Transport::unix_stream);
    if (stream) (void)scope.spawn(echo_for_ever(Stream{*stream}));
  }
  co_await service.run(std::move(peer));
  scope.cancel();
  co_await scope.join();
}

Task<> serve_datagrams(Service& service, Datagram socket) {
  co_await service.run_datagrams(std::move(socket));
}

Service with_a_peer_beside(const Service& service) {
  static Service real = service;  // in the server's process, which has one
  if (!real.has_streams()) return real;
  Service harder{serve_beside, real};
  if (real.has_datagrams()) harder.with_datagrams(serve_datagrams, real);
  return harder.needing(real.needs).serving(real.concurrency);
}

const bool harder = [] {
  detail::set_ring_sizes({.submissions = 4, .completions = 8, .buffers = 8});
  make_harder(with_a_peer_beside);
  return true;
}();

}  // namespace
}  // namespace headrace::conformance
