// SPDX-License-Identifier: MIT
//
// A datagram echo server as Asio's documentation writes them: one receive in flight, the answer
// sent from its handler, the next receive when that is done. To be measured beside ours.
#include <array>
#include <cstdio>

#include <asio.hpp>

using asio::ip::udp;

class EchoServer {
 public:
  explicit EchoServer(asio::io_context& context)
      : socket_{context, udp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    std::fprintf(stderr, "listening on udp://127.0.0.1:%d (asio)\n",
                 socket_.local_endpoint().port());
    receive();
  }

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(bytes_), sender_,
                               [this](std::error_code error, std::size_t size) {
                                 if (error) return receive();
                                 answer(size);
                               });
  }
  void answer(std::size_t size) {
    socket_.async_send_to(asio::buffer(bytes_, size), sender_,
                          [this](std::error_code, std::size_t) { receive(); });
  }

  udp::socket socket_;
  udp::endpoint sender_{};
  std::array<char, 65536> bytes_{};
};

int main() {
  asio::io_context context{1};
  const EchoServer server{context};
  context.run();
}
