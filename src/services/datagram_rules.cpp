// SPDX-License-Identifier: MIT
//
// Whom a datagram service answers, and how often. Why these rules: docs/adr/0010.
//
// Counts by the second lie in memory that children share: a table of fixed size, in which whoever
// is counted has one of a few places, each one word that is changed at once. With more of them a
// second than places some are counted anew: a limit is there to bound what a single one can ask
// for, and cannot be what bounds a flood of forged senders.
#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <new>

#include <netinet/in.h>

#include "headrace/services.hpp"
#include "net/datagram_socket.hpp"

namespace headrace::services {

namespace {

constexpr std::uint16_t kSmallServices = 1024;
constexpr std::uint64_t kMostAlike = 1000;  // a second: more than a person or a monitor sends
constexpr std::int64_t kSecond = 1'000'000'000;

/// The lowest port that a program gets without naming one, here or on most other machines.
std::uint16_t first_port_of_clients() {
  constexpr unsigned kUsual = 32768;
  unsigned first = kUsual;
  std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"};
  if (!(file >> first)) first = kUsual;
  return static_cast<std::uint16_t>(std::min(first, kUsual));
}

/// The host of `sender`, as a number that hosts rarely share; a Unix sender by its name.
std::uint64_t hash_of_host(const Endpoint& sender) noexcept {
  net::SocketAddress address = net::to_socket_address(sender);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&address.storage);
  std::size_t size = address.length;
  if (address.family() == AF_INET) {
    bytes += offsetof(sockaddr_in, sin_addr);
    size = sizeof(in_addr);
  } else if (address.family() == AF_INET6) {
    bytes += offsetof(sockaddr_in6, sin6_addr);
    size = sizeof(in6_addr);
  }
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (std::size_t index = 0; index < size; ++index) hash = (hash ^ bytes[index]) * 0x100000001b3;
  return hash ^ hash >> 32;
}

/// Of what came from where: the port too, and the bytes.
std::uint64_t hash_of(const Received& received) noexcept {
  const std::string_view bytes = text_of({received.data(), received.size()});
  const std::uint64_t port = received.sender().port();
  const std::uint64_t hash = (std::hash<std::string_view>{}(bytes) ^ port) * 0x9e3779b97f4a7c15 ^
                             hash_of_host(received.sender());
  return hash ^ hash >> 32;
}

}  // namespace

/// A word: 24 bits of a hash, 16 of the second, 24 of how many in it.
struct DatagramRules::Recent {
  static constexpr std::size_t kPlaces = 16384;
  static constexpr std::size_t kProbes = 8;
  static constexpr std::uint64_t kMost = 0xffffff;

  std::array<std::atomic<std::uint64_t>, kPlaces> words;

  /// Null when there is no memory.
  static Recent* make() noexcept {
    void* const memory = sys::map_memory(sizeof(Recent), true);  // zeros: nobody
    return memory == nullptr ? nullptr : new (memory) Recent;
  }
  static void end(Recent* recent) noexcept {
    if (recent != nullptr) sys::unmap_memory(recent, sizeof(Recent));
  }

  /// Whether this is no more than the `most`th with that hash in this second.
  bool count(std::uint64_t hash, std::uint64_t most) noexcept {
    const auto second = static_cast<std::uint64_t>(sys::monotonic_ns() / kSecond) & 0xffff;
    const std::uint64_t begun = (hash >> 40) << 40 | second << 24;
    std::atomic<std::uint64_t>* oldest = nullptr;
    for (std::size_t probe = 0; probe < kProbes; ++probe) {
      auto& word = words[(hash + probe) % kPlaces];
      for (std::uint64_t seen = word.load(std::memory_order_relaxed);
           (seen & ~kMost) == begun && seen != 0;) {
        if ((seen & kMost) >= most) return false;
        if (word.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
      }
      const bool is_past = (word.load(std::memory_order_relaxed) >> 24 & 0xffff) != second;
      if (oldest == nullptr && is_past) oldest = &word;
    }
    auto& place = oldest != nullptr ? *oldest : words[hash % kPlaces];
    place.store(begun | 1, std::memory_order_relaxed);
    return true;
  }
};

DatagramRules::DatagramRules(Options options)
    : options_{options}, first_of_clients_{first_port_of_clients()} {
  const bool limits = options_.most_each != 0;
  const bool looks = !options_.allow_reflect;
  if (limits) recent_ = Recent::make();
  if (looks) alike_ = Recent::make();
  if ((!limits || recent_ != nullptr) && (!looks || alike_ != nullptr)) return;
  Recent::end(recent_);
  Recent::end(alike_);
  throw std::bad_alloc{};
}

DatagramRules::~DatagramRules() {
  Recent::end(recent_);
  Recent::end(alike_);
}

// Also where all are answered: the other one may have stricter rules.
void DatagramRules::apply_to(Datagram& socket) const noexcept {
  (void)socket.mark_answers();  // without, what a service of another make would get is left
}

bool DatagramRules::reflects(const Datagram& socket, const Received& received) noexcept {
  const Endpoint& sender = received.sender();
  if (options_.allow_reflect) return false;
  if (received.is_answer() || socket.is_own(sender)) return true;
  if (sender.is_unix() || sender.port() >= first_of_clients_) return false;
  return sender.port() < kSmallServices || !alike_->count(hash_of(received), kMostAlike);
}

bool DatagramRules::allow(Datagram& socket, const Received& received) noexcept {
  const Endpoint& sender = received.sender();
  if (!sender.can_be_answered() || reflects(socket, received)) {
    socket.note(Unanswered::by_rule);
    return false;
  }
  if (recent_ == nullptr || recent_->count(hash_of_host(sender), options_.most_each)) return true;
  socket.note(Unanswered::by_rate);
  return false;
}

}  // namespace headrace::services
