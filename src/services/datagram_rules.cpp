// SPDX-License-Identifier: MIT
//
// Whom a datagram service answers, and how often. The counts of the rate limit lie in memory that
// children share: a table of fixed size, in which a host has one of a few places, each one word
// that is changed at once. With more hosts a second than places some are counted anew: the limit is
// there to bound what a single one can ask for, and cannot be what bounds a flood of forged
// senders.
#include <array>
#include <atomic>
#include <new>

#include <netinet/in.h>

#include "headrace/services.hpp"
#include "net/datagram_socket.hpp"

namespace headrace::services {

namespace {

constexpr std::uint16_t kSmallServices = 1024;
constexpr std::int64_t kSecond = 1'000'000'000;

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

}  // namespace

/// A word: 24 bits of the host's hash, 16 of the second, 24 of how many in it.
struct DatagramRules::Recent {
  static constexpr std::size_t kPlaces = 16384;
  static constexpr std::size_t kProbes = 8;
  static constexpr std::uint64_t kMost = 0xffffff;

  std::array<std::atomic<std::uint64_t>, kPlaces> words;

  /// Whether this is no more than the `most`th of the host in this second.
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

DatagramRules::DatagramRules(Options options) : options_{options} {
  if (options_.most_each == 0) return;
  void* const memory = sys::map_memory(sizeof(Recent), true);  // zeros: nobody
  if (memory == nullptr) throw std::bad_alloc{};
  recent_ = new (memory) Recent;
}

DatagramRules::~DatagramRules() {
  if (recent_ != nullptr) sys::unmap_memory(recent_, sizeof(Recent));
}

bool DatagramRules::allow(Datagram& socket, const Endpoint& sender) noexcept {
  const bool small = !sender.is_unix() && sender.port() < kSmallServices;
  const bool reflects = !options_.allow_reflect && (small || socket.is_own(sender));
  if (reflects || !sender.can_be_answered()) {
    socket.note(Unanswered::by_rule);
    return false;
  }
  if (recent_ == nullptr || recent_->count(hash_of_host(sender), options_.most_each)) return true;
  socket.note(Unanswered::by_rate);
  return false;
}

}  // namespace headrace::services
