// SPDX-License-Identifier: MIT
//
// A TCP echo server on Asio's callbacks, in the manner of its examples: a session that keeps itself
// alive by what is under way, and reads and writes in turn. To be measured beside ours.
#include <array>
#include <cstdio>
#include <memory>

#include <asio.hpp>

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_{std::move(socket)} {}

  void receive() {
    socket_.async_read_some(asio::buffer(bytes_),
                            [self = shared_from_this()](std::error_code error, std::size_t size) {
                              if (!error) self->answer(size);
                            });
  }

 private:
  void answer(std::size_t size) {
    asio::async_write(socket_, asio::buffer(bytes_, size),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->receive();
                      });
  }

  tcp::socket socket_;
  std::array<char, 65536> bytes_;
};

class EchoServer {
 public:
  explicit EchoServer(asio::io_context& context)
      : acceptor_{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    std::fprintf(stderr, "listening on tcp://127.0.0.1:%d (asio, callbacks)\n",
                 acceptor_.local_endpoint().port());
    accept();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](std::error_code error, tcp::socket peer) {
      if (!error) {
        peer.set_option(tcp::no_delay{true}, error);
        std::make_shared<Session>(std::move(peer))->receive();
      }
      accept();
    });
  }

  tcp::acceptor acceptor_;
};

int main() {
  asio::io_context context{1};
  const EchoServer server{context};
  context.run();
}
