// SPDX-License-Identifier: MIT
//
// From an address to its sockets, by the tables in /proc/net; from a socket to its processes, by
// what they hold (process_sockets.hpp).
//
// Not here: sock_diag(7), which filters in the kernel; /proc is fast enough to be asked once.
#include "net/port_owner.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "net/process_sockets.hpp"
#include "net/socket.hpp"
#include "text/number.hpp"

namespace headrace::net {

namespace {

using Inodes = std::vector<ino_t>;

// Where a socket is bound: both families in one, IPv4 as IPv4-mapped IPv6.
using Host = std::array<std::uint32_t, 4>;  // in network order, as the kernel keeps it
const std::uint32_t kMapped = htonl(0xffff);
const Host kEverything{};
const Host kEveryIpv4{0, 0, kMapped, 0};

struct Place {
  Host host;
  std::uint16_t port;
};

Place place_of(const SocketAddress& address) noexcept {
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv4, &address.storage, sizeof ipv4);
  std::memcpy(&ipv6, &address.storage, sizeof ipv6);
  if (address.family() == AF_INET)
    return {{0, 0, kMapped, ipv4.sin_addr.s_addr}, ntohs(ipv4.sin_port)};
  return {std::bit_cast<Host>(ipv6.sin6_addr), ntohs(ipv6.sin6_port)};
}

// As /proc/net prints it, the words of the host as numbers of this machine: "0100007F:1E6C".
std::optional<Place> parse_place(std::string_view text) noexcept {
  const auto colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  const auto port = text::number<std::uint16_t>(text.substr(colon + 1), 16);
  if (!port) return std::nullopt;
  Place place{colon == 8 ? kEveryIpv4 : kEverything, *port};
  for (std::size_t at = 0; at < colon; at += 8) {
    const auto word = text::number<std::uint32_t>(text.substr(at, 8), 16);
    if (!word) return std::nullopt;
    place.host[colon == 8 ? 3 : at / 8] = *word;
  }
  return place;
}

bool covers(const Host& wide, const Host& narrow) noexcept {
  const bool ipv4 = narrow[0] == 0 && narrow[1] == 0 && narrow[2] == kMapped;
  return wide == kEverything || (wide == kEveryIpv4 && ipv4) || wide == narrow;
}

bool meet(const Place& a, const Place& b) noexcept {
  return a.port == b.port && (covers(a.host, b.host) || covers(b.host, a.host));
}

using Words = std::array<std::string_view, 10>;
// The first words of a row of a table in /proc/net.
Words split(std::string_view line) noexcept {
  Words words;
  for (std::string_view& word : words) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
  }
  return words;
}

// The inodes in column `inode` of the rows that `wanted(words, line)`.
template <class Wanted>
void collect(const char* table, std::size_t inode, Inodes& found, Wanted wanted) {
  std::ifstream rows{table};
  std::string line;
  std::getline(rows, line);  // the heading
  while (std::getline(rows, line)) {
    const Words words = split(line);
    if (!wanted(words, line)) continue;
    if (const auto value = text::number<ino_t>(words[inode], 10)) found.push_back(*value);
  }
}

void collect_ip(const Address& address, Inodes& found) {
  const auto resolved = resolve(address, true, Names::resolve);
  if (!resolved) return;
  std::vector<Place> places;
  for (const SocketAddress& at : *resolved)
    if (is_own_address(at)) places.push_back(place_of(at));

  const bool tcp = address.transport() == Transport::tcp;
  const std::string_view state = tcp ? "0A" : "07";  // TCP_LISTEN; a UDP socket without a peer
  const auto wanted = [&](const Words& words, std::string_view) {
    if (words[3] != state) return false;
    const auto bound = parse_place(words[1]);
    return bound && std::ranges::any_of(places, [&](const Place& at) { return meet(*bound, at); });
  };
  collect(tcp ? "/proc/net/tcp" : "/proc/net/udp", 9, found, wanted);
  collect(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", 9, found, wanted);
}

// Paths are compared as the binder wrote them, or as absolute ones.
void collect_unix(const Address& address, Inodes& found) {
  std::error_code ignored;
  const std::string path{address.path()};
  const std::string absolute =
      path.starts_with('@') ? path : std::filesystem::absolute(path, ignored).string();

  collect("/proc/net/unix", 6, found, [&](const Words& words, std::string_view line) {
    const auto flags = text::number<unsigned>(words[3], 16);
    constexpr unsigned kListens = 0x10000;  // __SO_ACCEPTCON of <linux/net.h>
    const bool ready = address.is_stream() ? words[4] == "0001" && flags && (*flags & kListens) != 0
                                           : words[4] == "0002";
    if (!ready || words[7].empty()) return false;
    const auto bound = line.substr(static_cast<std::size_t>(words[7].data() - line.data()));
    return bound == path || bound == absolute;
  });
}

}  // namespace

PortOwners find_port_owners(const Address& address) {
  Inodes sockets;
  address.is_unix() ? collect_unix(address, sockets) : collect_ip(address, sockets);
  PortOwners found;
  found.listening = !sockets.empty();
  if (!found.listening) return found;

  Inodes unseen = sockets;
  for_each_process([&](pid_t pid) {
    bool holds = false;
    for_each_socket_of(pid, [&](ino_t socket) {
      if (std::ranges::find(sockets, socket) == sockets.end()) return;
      std::erase(unseen, socket);
      holds = true;
    });
    if (holds) found.owners.push_back({process_name(pid), pid});
  });
  std::ranges::sort(found.owners, {}, &PortOwner::pid);
  found.hidden = !unseen.empty();
  return found;
}

}  // namespace headrace::net
