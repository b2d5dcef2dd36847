// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.hpp"
#include "server.hpp"

namespace headrace::conformance {

namespace {

constexpr std::size_t kPiece = 64_KiB;

[[noreturn]] void give_up(const std::string& call) {
  throw std::runtime_error{"client: " + call + ": " + std::strerror(errno)};
}

void set_option(int socket, int level, int name, int value) {
  if (::setsockopt(socket, level, name, &value, sizeof value) != 0) give_up("setsockopt");
}

void bind_to(int socket, std::string_view host) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  if (::inet_pton(AF_INET, std::string{host}.c_str(), &from.sin_addr) != 1) give_up("inet_pton");
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) give_up("bind");
}

net::SocketAddress kernel_address(const Address& to) {
  const auto resolved = net::resolve(to, false, net::Names::refuse);
  if (!resolved) throw std::runtime_error{"client: no such address"};
  return resolved->front();
}

}  // namespace

std::string bytes_of_size(std::size_t size, std::uint64_t seed) {
  std::string bytes(size + sizeof seed, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (std::size_t at = 0; at < size; at += sizeof state) {
    state ^= state << 13;  // xorshift64
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(&bytes[at], &state, sizeof state);
  }
  bytes.resize(size);
  return bytes;
}

::testing::AssertionResult same(std::string_view got, std::string_view wanted) {
  if (got == wanted) return ::testing::AssertionSuccess();
  const auto place = std::ranges::mismatch(got, wanted).in1 - got.begin();
  return ::testing::AssertionFailure() << "got " << got.size() << " bytes, wanted " << wanted.size()
                                       << "; they part at byte " << place;
}

bool is_listening(const Address& at) {
  const auto address = kernel_address(at);
  const int socket = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int answer = ::connect(socket, address.get(), address.length) == 0 ? 0 : errno;
  (void)::close(socket);
  if (answer == 0 || answer == ECONNREFUSED) return answer == 0;
  errno = answer;
  give_up("connect");
}

Client::Client(const Address& to, Options options) : socket_{-1} {
  const auto address = kernel_address(to);
  socket_ = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) give_up("socket");
  try {
    if (options.kernel_buffers != 0) {
      set_option(socket_, SOL_SOCKET, SO_SNDBUF, options.kernel_buffers);
      set_option(socket_, SOL_SOCKET, SO_RCVBUF, options.kernel_buffers);
    }
    if (!options.from.empty()) bind_to(socket_, options.from);
    const timeval limit{std::chrono::duration_cast<std::chrono::seconds>(patience()).count(), 0};
    (void)::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit,
                       sizeof limit);  // bounds connect(2)
    if (::connect(socket_, address.get(), address.length) != 0) {
      if (errno != EINTR || to.is_unix()) give_up("connect");
      (void)wait_for(POLLOUT);  // it goes on by itself
    }
    if (!to.is_unix()) set_option(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
  } catch (...) {
    close();
    throw;
  }
}

Client::~Client() { close(); }

void Client::close() {
  if (socket_ >= 0) (void)::close(std::exchange(socket_, -1));
}

void Client::reset() {
  const linger at_once{1, 0};
  (void)::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

short Client::wait_for(short events) const {
  pollfd entry{socket_, events, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience()).count();
  for (;;) {
    const int ready = ::poll(&entry, 1, static_cast<int>(limit));
    if (ready > 0) return entry.revents;
    if (ready < 0 && errno == EINTR) continue;
    errno = ETIMEDOUT;
    give_up((events & POLLIN) != 0 ? "waiting to receive" : "waiting to send");
  }
}

std::size_t Client::send_some(std::string_view bytes) {
  const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  give_up("send");
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t sent = send_some(bytes);
    bytes.remove_prefix(sent);
    if (sent == 0) (void)wait_for(POLLOUT);
  }
}

std::size_t Client::send_until_stuck(std::string_view bytes) {
  constexpr int kQuiet = 200;  // ms
  std::size_t all = 0;
  while (all < bytes.size()) {
    const std::size_t sent = send_some(bytes.substr(all, 1_MiB));
    all += sent;
    pollfd entry{socket_, POLLOUT, 0};
    if (sent == 0 && ::poll(&entry, 1, kQuiet) == 0) break;
  }
  return all;
}

void Client::send_urgent(char byte) {
  if (::send(socket_, &byte, 1, MSG_OOB | MSG_NOSIGNAL) != 1) give_up("send MSG_OOB");
}

void Client::shutdown_send() {
  if (::shutdown(socket_, SHUT_WR) != 0) give_up("shutdown");
}

std::string Client::receive_some() {
  std::string bytes(kPiece, '\0');
  for (;;) {
    const auto got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got >= 0) {
      bytes.resize(static_cast<std::size_t>(got));
      return bytes;
    }
    if (errno == EAGAIN)
      (void)wait_for(POLLIN);
    else if (errno != EINTR)
      give_up("recv");
  }
}

std::string Client::receive(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t have = 0; have < size;) {
    const auto got = ::recv(socket_, &bytes[have], size - have, MSG_DONTWAIT);
    if (got == 0)
      throw std::runtime_error{"client: end of stream after " + std::to_string(have) +
                               " bytes of " + std::to_string(size)};
    if (got > 0)
      have += static_cast<std::size_t>(got);
    else if (errno == EAGAIN)
      (void)wait_for(POLLIN);
    else if (errno != EINTR)
      give_up("recv after " + std::to_string(have) + " bytes of " + std::to_string(size));
  }
  return bytes;
}

std::string Client::receive_until_end() {
  std::string all;
  for (;;) {
    const std::string piece = receive_some();
    if (piece.empty()) return all;
    all += piece;
  }
}

void Client::receive_to_any_end() {
  std::string bytes(kPiece, '\0');
  for (;;) {
    const auto got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE))) return;
    if (got > 0) continue;
    if (errno != EAGAIN && errno != EINTR) give_up("recv");
    (void)wait_for(POLLIN);
  }
}

bool Client::hears_nothing_for(int milliseconds) {
  pollfd entry{socket_, POLLIN | POLLRDHUP, 0};
  int ready = -1;
  while (ready < 0) ready = ::poll(&entry, 1, milliseconds);  // EINTR: once more, as long
  return ready == 0;
}

std::string Client::echo(std::string_view bytes) {
  std::string back(bytes.size(), '\0');
  for (std::size_t have = 0; have < back.size();) {
    if (!bytes.empty()) bytes.remove_prefix(send_some(bytes.substr(0, 1_MiB)));
    const auto got = ::recv(socket_, &back[have], back.size() - have, MSG_DONTWAIT);
    if (got > 0) {
      have += static_cast<std::size_t>(got);
      continue;
    }
    if (got == 0)
      throw std::runtime_error{"client: end of stream after " + std::to_string(have) +
                               " bytes of " + std::to_string(back.size())};
    if (errno != EAGAIN && errno != EINTR) give_up("recv");
    (void)wait_for(static_cast<short>(POLLIN | (bytes.empty() ? 0 : POLLOUT)));
  }
  return back;
}

void Client::wait_until_delivered() {
  wait_until("the server's kernel has what was sent", [this] {
    int left = 0;
    if (::ioctl(socket_, SIOCOUTQ, &left) != 0) give_up("ioctl SIOCOUTQ");
    return left == 0;  // a FIN that is not acknowledged counts as a byte
  });
}

}  // namespace headrace::conformance
