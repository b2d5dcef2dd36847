// SPDX-License-Identifier: MIT
#include "datagrams.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "headrace/datagram.hpp"
#include "server.hpp"

namespace headrace::conformance {

namespace {

bool serves_datagrams(const ModelInfo& model) noexcept {
  return model.launcher != LauncherKind::process_per_connection &&
         model.launcher != LauncherKind::thread_per_connection;
}

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error{what + ": " + std::strerror(errno)};
}

}  // namespace

Models with_datagrams() noexcept { return {serves_datagrams, "datagrams have no connections"}; }

Models without_datagrams() noexcept {
  return {[](const ModelInfo& model) { return !serves_datagrams(model); }, "they refuse"};
}

Models with_both() noexcept {
  return {[](const ModelInfo& model) {
            return serves_datagrams(model) && model.launcher != LauncherKind::iterative;
          },
          "iterative waits at one place"};
}

DatagramClient::DatagramClient(const Address& server, Kind kind) {
  const Endpoint to = Endpoint::of(server).value();
  const auto* const address = static_cast<const sockaddr*>(to.data());
  descriptor_ = ::socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) give_up("socket");
  sockaddr own{};
  own.sa_family = AF_UNIX;
  if (to.is_unix() && ::bind(descriptor_, &own, sizeof(sa_family_t)) < 0) give_up("bind");
  // A loose one gets no ICMP errors; and of Unix sockets only its queue is bounded (unix(7)).
  if (kind == Kind::loose) to_ = to;
  if (kind == Kind::connected && ::connect(descriptor_, address, to.size()) < 0) give_up("connect");
}

DatagramClient::DatagramClient(DatagramClient&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)}, to_{other.to_} {}

DatagramClient::~DatagramClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void DatagramClient::send(std::string_view bytes) const {
  const auto* const to = to_.size() == 0 ? nullptr : static_cast<const sockaddr*>(to_.data());
  if (::sendto(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL, to, to_.size()) !=
      ssize_t(bytes.size()))
    give_up("send");
}

std::string DatagramClient::receive() const {
  pollfd entry{descriptor_, POLLIN, 0};
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(patience()).count();
  if (::poll(&entry, 1, static_cast<int>(limit)) != 1) throw std::runtime_error{"no answer"};
  std::string bytes(70'000, '\0');
  const ssize_t size = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  if (size < 0) give_up("recv");
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

unsigned DatagramClient::drain() const {
  unsigned count = 0;
  std::array<char, 65536> bytes;
  while (::recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) ++count;
  return count;
}

}  // namespace headrace::conformance
