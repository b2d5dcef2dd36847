// SPDX-License-Identifier: MIT
//
// A TCP echo server on Asio's C++20 coroutines, in the manner of its examples. To be measured
// beside ours.
#include <array>
#include <cstdio>
#include <exception>

#include <asio.hpp>

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

static awaitable<void> echo(tcp::socket peer) {
  try {
    std::array<char, 65536> bytes;
    for (;;) {
      const std::size_t size = co_await peer.async_read_some(asio::buffer(bytes), use_awaitable);
      co_await asio::async_write(peer, asio::buffer(bytes, size), use_awaitable);
    }
  } catch (const std::exception&) {  // the peer has left
  }
}

static awaitable<void> accept(tcp::acceptor acceptor) {
  for (;;) {
    tcp::socket peer = co_await acceptor.async_accept(use_awaitable);
    std::error_code ignored;
    peer.set_option(tcp::no_delay{true}, ignored);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(peer)), asio::detached);
  }
}

int main() {
  asio::io_context context{1};
  tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  std::fprintf(stderr, "listening on tcp://127.0.0.1:%d (asio, coroutines)\n",
               acceptor.local_endpoint().port());
  asio::co_spawn(context, accept(std::move(acceptor)), asio::detached);
  context.run();
}
