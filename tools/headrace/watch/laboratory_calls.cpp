// SPDX-License-Identifier: MIT
//
// What demos do to sockets and to the wire. On loopback a segment arrives as it leaves; a socket
// filter (socket(7), SO_ATTACH_FILTER) makes a socket deaf to it, which is how segments are lost
// and held here. It needs no rights and no firewall.
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "watch/crafted_segment.hpp"
#include "watch/laboratory.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

// The result, or the end of the demo: here these calls fail only when something is very wrong.
template <class Value>
Value must(Value result, std::string_view call) {
  if (result < 0) throw DemoFailed{fmt::format("{}: {}", call, ::strerrordesc_np(errno))};
  return result;
}

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

TcpEndpoint local_end(std::uint16_t port) {
  constexpr std::array<std::uint8_t, 4> kLoopback{127, 0, 0, 1};
  return {.host = ipv4_host(kLoopback), .port = port};
}

net::Socket Laboratory::listen_on(std::uint16_t port, int backlog, Reuse reuse) {
  net::Socket socket{must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
  const int on = reuse == Reuse::yes ? 1 : 0;
  must(::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  const sockaddr_in address = address_of(port);
  must(::bind(socket.descriptor(), generic(address), sizeof address), "bind");
  must(::listen(socket.descriptor(), backlog), "listen");
  return socket;
}

net::Socket Laboratory::client_at(std::uint16_t port, std::uint16_t server_port) {
  net::Socket socket{
      must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket")};
  const int on = 1;
  must(::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  const sockaddr_in address = address_of(port);
  must(::bind(socket.descriptor(), generic(address), sizeof address), "bind");
  const sockaddr_in server = address_of(server_port);
  if (::connect(socket.descriptor(), generic(server), sizeof server) != 0 && errno != EINPROGRESS)
    must(-1, "connect");
  return socket;
}

net::Socket Laboratory::connect_from(std::uint16_t port, std::uint16_t server_port) {
  net::Socket socket = client_at(port, server_port);
  see("a handshake", [](const Rung& rung) {
    return !rung.changes().empty() && rung.changes().back().to == TcpState::established;
  });
  return socket;
}

net::Socket Laboratory::accept_from(const net::Socket& listening) {
  return net::Socket{must(
      ::accept4(listening.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept")};
}

void Laboratory::send(const net::Socket& socket, std::string_view bytes) {
  const ssize_t sent = ::send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (must(sent, "send") != static_cast<ssize_t>(bytes.size()))
    throw DemoFailed{"send: not all was taken"};
}

ssize_t Laboratory::receive(const net::Socket& socket) {
  std::array<char, 4096> bytes{};
  ssize_t result = -EAGAIN;
  (void)draw_until([&] {
    const ssize_t count = ::recv(socket.descriptor(), bytes.data(), bytes.size(), 0);
    result = count < 0 ? -errno : count;
    return result != -EAGAIN && result != -EINTR;
  });
  return result;
}

void Laboratory::shutdown_send(const net::Socket& socket) {
  must(::shutdown(socket.descriptor(), SHUT_WR), "shutdown");
}

void Laboratory::set_sysctl(const char* path, std::string_view value) {
  const net::Socket file{must(::open(path, O_WRONLY | O_CLOEXEC), path)};
  must(::write(file.descriptor(), value.data(), value.size()), path);
}

void Laboratory::hold() { is_holding_ = true; }

// What `deliver` puts on the wire is told by its hop limit, which nothing else has; 0 has nobody.
void Laboratory::keep_out(const net::Socket& socket, But but) {
  constexpr std::uint32_t kHopLimit = static_cast<std::uint32_t>(SKF_NET_OFF) + 8;
  std::array<sock_filter, 4> program{
      {{BPF_LD | BPF_B | BPF_ABS, 0, 0, kHopLimit},
       {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, but == But::delivered ? kDelivered : 0U},
       {BPF_RET | BPF_K, 0, 0, 0xFFFFFFFF},
       {BPF_RET | BPF_K, 0, 0, 0}}};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  must(::setsockopt(socket.descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
       "SO_ATTACH_FILTER");
}

void Laboratory::let_in(const net::Socket& socket) {
  const int unused = 0;
  must(::setsockopt(socket.descriptor(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused),
       "SO_DETACH_FILTER");
}

void Laboratory::deliver(const Segment& segment, std::string_view data) {
  const auto packet = crafted_packet(segment, data, kDelivered);
  const net::Socket raw{must(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "socket")};
  const sockaddr_in to = address_of(0);
  must(::sendto(raw.descriptor(), packet.data(), packet.size(), 0, generic(to), sizeof to),
       "sendto");
}

}  // namespace headrace::watch
